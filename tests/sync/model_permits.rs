//! What a line of waiters for permits is to do, as simply as it can be said: the reference of the random schedules.

use std::collections::VecDeque;

/// Permits, and who waits for some. Tasks are numbers.
#[derive(Debug)]
pub struct Line {
    pub n_free: usize,
    pub waiting: VecDeque<(usize, usize)>,
    /// Handed, and not taken by the task's running yet.
    pub promised: Vec<(usize, usize)>,
    /// Woken with nothing.
    pub dismissed: Vec<usize>,
}

/// How a wait has ended, as far as the line is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    Promised,
    Dismissed,
    /// It still has to wait.
    NotYet,
}

impl Line {
    pub fn new(n_free: usize) -> Self {
        Self {
            n_free,
            waiting: VecDeque::new(),
            promised: Vec::new(),
            dismissed: Vec::new(),
        }
    }

    /// Whether so many are to be had at once.
    pub fn is_free(&self, n: usize) -> bool {
        self.waiting.is_empty() && n <= self.n_free
    }

    /// A task asks for so many. True: it has them; else it waits.
    pub fn ask(&mut self, task: usize, n: usize) -> bool {
        let is_free = self.is_free(n);
        match is_free {
            true => self.n_free -= n,
            false => self.waiting.push_back((task, n)),
        }
        is_free
    }

    pub fn give(&mut self, n: usize) {
        self.n_free += n;
        while let Some(&(_, n)) = self.waiting.front()
            && n <= self.n_free
        {
            self.n_free -= n;
            self.promised.extend(self.waiting.pop_front());
        }
    }

    pub fn dismiss_all(&mut self) {
        let tasks = self.waiting.drain(..).map(|(task, _)| task);
        self.dismissed.extend(tasks);
    }

    /// A task that had to wait goes on.
    pub fn go_on(&mut self, task: usize) -> Turn {
        if take(&mut self.promised, |&(other, _)| other == task).is_some() {
            return Turn::Promised;
        }
        match take(&mut self.dismissed, |&other| other == task) {
            Some(_) => Turn::Dismissed,
            None => Turn::NotYet,
        }
    }

    /// A task that had to wait is unwound.
    pub fn is_cancelled(&mut self, task: usize) {
        let promised = take(&mut self.promised, |&(other, _)| other == task);
        self.waiting.retain(|&(other, _)| other != task);
        self.dismissed.retain(|&other| other != task);
        self.give(promised.map_or(0, |(_, n)| n));
    }

    pub fn waits(&self, task: usize) -> bool {
        self.waiting.iter().any(|&(other, _)| other == task)
    }
}

fn take<T>(list: &mut Vec<T>, is_it: impl FnMut(&T) -> bool) -> Option<T> {
    let place = list.iter().position(is_it)?;
    Some(list.remove(place))
}
