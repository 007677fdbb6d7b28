//! A queue in its simplest form: the reference of the random schedules.

use std::collections::VecDeque;

use selvedge::sync::{GetError, PutError};

use crate::model_permits::{Turn, WaitList};

#[derive(Clone, Copy, Debug)]
pub enum Order {
    First,
    Last,
    Smallest,
}

/// The kind of queue.
pub struct Model {
    pub order: Order,
    pub items: VecDeque<u32>,
    pub getters: WaitList,
    pub putters: WaitList,
    pub joiners: Vec<usize>,
    pub n_unfinished: usize,
    pub is_shut_down: bool,
    pub is_over: bool,
}

impl Model {
    pub fn new(order: Order, capacity: Option<usize>) -> Self {
        let room = capacity.unwrap_or(usize::MAX / 2);
        Self {
            order,
            items: VecDeque::new(),
            getters: WaitList::new(0),
            putters: WaitList::new(room),
            joiners: Vec::new(),
            n_unfinished: 0,
            is_shut_down: false,
            is_over: false,
        }
    }

    pub fn store(&mut self, item: u32) {
        self.items.push_back(item);
        self.n_unfinished += 1;
        self.getters.give(1);
    }

    pub fn take(&mut self) -> Result<u32, GetError> {
        self.putters.give(1);
        let smallest = || {
            let item = self.items.iter().min();
            self.items.iter().position(|other| Some(other) == item)
        };
        let place = match self.order {
            Order::First => Some(0),
            Order::Last => self.items.len().checked_sub(1),
            Order::Smallest => smallest(),
        };
        let item = place.and_then(|place| self.items.remove(place));
        item.ok_or(GetError::ShutDown)
    }

    pub fn finish(&mut self, n: usize) {
        self.n_unfinished = self.n_unfinished.saturating_sub(n);
        if self.n_unfinished == 0 {
            self.joiners.clear();
        }
    }

    pub fn try_put(&mut self, item: u32) -> Result<(), PutError<u32>> {
        if self.is_shut_down {
            return Err(PutError::ShutDown(item));
        }
        if !self.putters.is_free(1) {
            return Err(PutError::Full(item));
        }
        self.putters.n_free -= 1;
        self.store(item);
        Ok(())
    }

    pub fn put_later(&mut self, task: usize, item: u32) -> Result<(), PutError<u32>> {
        let turn = self.putters.go_on(task);
        if self.is_shut_down {
            return Err(PutError::ShutDown(item));
        }
        assert_eq!(turn, Turn::Promised, "a putter went on out of turn");
        self.store(item);
        Ok(())
    }

    pub fn try_get(&mut self) -> Result<u32, GetError> {
        if self.getters.is_free(1) {
            self.getters.n_free -= 1;
            self.take()
        } else if self.is_shut_down {
            Err(GetError::ShutDown)
        } else {
            Err(GetError::Empty)
        }
    }

    pub fn get_later(&mut self, task: usize) -> Result<u32, GetError> {
        match self.getters.go_on(task) {
            Turn::Promised => self.take(),
            Turn::Dismissed => self.try_get(),
            Turn::NotYet => panic!("a getter went on out of turn"),
        }
    }

    pub fn shutdown(&mut self, immediate: bool) {
        self.is_shut_down = true;
        self.putters.dismiss_all();
        self.getters.dismiss_all();
        if immediate {
            self.getters.n_free = 0;
            let n = self.items.len();
            self.items.clear();
            self.finish(n);
        }
    }
}
