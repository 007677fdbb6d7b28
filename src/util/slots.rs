//! Slots with generations: a table whose values are named by keys that are never used again.
//!
//! A key is a slot's index and its generation. Removing a value raises the slot's generation, so the
//! old key finds nothing. Free slots form a list through the table, so inserting and removing take
//! constant time and write one slot.

/// The name of a value in [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The key as a number, for a message or the poller. `u64::MAX` is no key's number.
    pub(crate) fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_u64(number: u64) -> Self {
        Self {
            index: number as u32,
            generation: (number >> 32) as u32,
        }
    }
}

/// A slot whose generation reaches this is retired, because none is left for its next key.
const RETIRED: u32 = u32::MAX;

/// The table.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    first_free: Option<u32>,
    n_full: usize,
    /// Generation of new slots. Higher than that of every slot that was freed with its table.
    first_generation: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Free { next_free: Option<u32> },
    Full(T),
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            first_free: None,
            n_full: 0,
            first_generation: 0,
        }
    }
}

impl<T> Slots<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.n_full == 0
    }

    /// Number of slots, the free ones included.
    pub(crate) fn n_slots(&self) -> usize {
        self.slots.len()
    }

    /// The key of the next value to be inserted.
    #[inline]
    pub(crate) fn next_key(&self) -> Key {
        match self.first_free {
            Some(index) => Key {
                index,
                generation: self.slots[index as usize].generation,
            },
            None => Key {
                index: u32::try_from(self.slots.len()).expect("fewer than 2^32 slots"),
                generation: self.first_generation,
            },
        }
    }

    /// Inserts a value.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> Key {
        let key = self.next_key();
        let content = Content::Full(value);
        if self.first_free.is_none() {
            let generation = key.generation;
            self.slots.push(Slot {
                generation,
                content,
            });
        } else {
            let slot = &mut self.slots[key.index as usize];
            let Content::Free { next_free } = std::mem::replace(&mut slot.content, content) else {
                unreachable!("slots of the free list are free");
            };
            self.first_free = next_free;
        }
        self.n_full += 1;
        key
    }

    /// The value of a key; `None` if it was removed.
    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index as usize) {
            Some(Slot {
                generation,
                content: Content::Full(value),
            }) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Removes the value of a key; `None` if it was removed before.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation || matches!(slot.content, Content::Free { .. }) {
            return None;
        }
        slot.generation += 1;
        let next_free = self.first_free;
        let content = std::mem::replace(&mut slot.content, Content::Free { next_free });
        if slot.generation != RETIRED {
            self.first_free = Some(key.index);
        }
        self.n_full -= 1;
        match content {
            Content::Full(value) => Some(value),
            Content::Free { .. } => None,
        }
    }

    /// All values, in the order of their slots.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| match &slot.content {
            Content::Full(value) => Some(value),
            Content::Free { .. } => None,
        })
    }

    /// Removes the values for which `is_wanted` is true, and returns them.
    pub(crate) fn remove_where(&mut self, mut is_wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let keys: Vec<Key> = (0..)
            .zip(&self.slots)
            .filter_map(|(index, slot)| match &slot.content {
                Content::Full(value) if is_wanted(value) => Some(Key {
                    index,
                    generation: slot.generation,
                }),
                _ => None,
            })
            .collect();
        keys.into_iter()
            .filter_map(|key| self.remove(key))
            .collect()
    }

    /// Frees the table if it is empty and has more than `n_kept` slots; old keys stay invalid.
    pub(crate) fn shrink(&mut self, n_kept: usize) {
        if !self.is_empty() || self.slots.len() <= n_kept {
            return;
        }
        let last = self.slots.iter().map(|slot| slot.generation).max();
        let next = last.unwrap_or(0).saturating_add(1);
        if next < RETIRED {
            *self = Self {
                first_generation: next,
                ..Self::default()
            };
        }
    }

    /// Address of a key's slot, for a prefetch.
    pub(crate) fn address_of(&self, key: Key) -> *const u8 {
        self.slots.as_ptr().wrapping_add(key.index as usize).cast()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_removed_key_stays_invalid() {
        let mut slots = Slots::default();
        let first = slots.insert('a');
        assert_eq!(
            (slots.remove(first), slots.remove(first)),
            (Some('a'), None)
        );
        let second = slots.insert('b');
        assert_eq!((slots.get(first), slots.get(second)), (None, Some(&'b')));
        assert_eq!(slots.n_slots(), 1, "the slot is used again");
        assert_eq!(Key::from_u64(second.to_u64()), second);
    }

    #[test]
    fn every_key_finds_its_value_until_it_is_removed() {
        let (mut slots, mut model) = (Slots::default(), HashMap::new());
        let mut seed = 1_u64;
        let mut removed = Vec::new();
        for n in 0..5_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if seed >> 62 == 0 {
                if let Some(key) = model.keys().next().copied() {
                    assert_eq!(slots.remove(key), model.remove(&key));
                    removed.push(key);
                }
            } else if seed >> 52 == 1 << 10 {
                let is_odd = |n: &u32| !n.is_multiple_of(2);
                let odd = slots.remove_where(is_odd);
                removed.extend(model.extract_if(|_, n| is_odd(n)).map(|(key, _)| key));
                assert!(odd.iter().all(is_odd));
            } else {
                assert!(model.insert(slots.insert(n), n).is_none());
            }
            assert_eq!(
                (slots.n_full, slots.values().count()),
                (model.len(), model.len())
            );
        }
        assert!(model.iter().all(|(key, n)| slots.get(*key) == Some(n)));
        assert!(removed.iter().all(|key| slots.get(*key).is_none()));
    }

    #[test]
    fn the_next_key_is_known_before_its_value() {
        let mut slots = Slots::default();
        let first = slots.insert(1);
        assert_eq!(slots.next_key(), slots.insert(2));
        slots.remove(first);
        assert_eq!(slots.next_key(), slots.insert(3));
    }

    #[test]
    fn a_slot_without_generations_is_retired() {
        let mut slots = Slots::default();
        let key = slots.insert(1);
        slots.remove(key);
        slots.slots[0].generation = RETIRED - 1;
        let last = slots.insert(2);
        assert_eq!((last.index, slots.remove(last)), (0, Some(2)));
        let other = slots.insert(3);
        assert_eq!((other.index, slots.get(last)), (1, None));
        slots.remove(other);
        slots.shrink(1);
        assert_eq!(slots.n_slots(), 2, "no generation is left for a new table");
    }

    #[test]
    fn an_empty_table_is_freed_and_its_keys_stay_invalid() {
        let mut slots = Slots::default();
        let keys: Vec<Key> = (0..10).map(|n| slots.insert(n)).collect();
        slots.shrink(4);
        assert_eq!(slots.n_slots(), 10);
        assert_eq!(slots.remove_where(|_| true), Vec::from_iter(0..10));
        slots.shrink(10);
        assert_eq!(slots.n_slots(), 10);
        slots.shrink(4);
        assert_eq!(slots.n_slots(), 0);
        let again: Vec<Key> = (0..10).map(|n| slots.insert(n)).collect();
        assert!(again.iter().all(|key| !keys.contains(key)));
        assert!(keys.iter().all(|key| slots.get(*key).is_none()));
    }

    /// A million timers are a table of these.
    #[test]
    fn a_slot_costs_a_word_beside_its_value() {
        enum TwoPointers<'a> {
            _One(&'a u64, bool),
            _Other(&'a u64, bool),
        }
        assert_eq!(size_of::<TwoPointers<'_>>(), 16);
        assert_eq!(size_of::<Slot<TwoPointers<'_>>>(), 24);
    }
}
