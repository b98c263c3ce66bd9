//! A slab: storage for things in flight, addressed by typed ids.

use std::fmt;
use std::marker::PhantomData;

/// The id of a `T` in a [`Slab`].
pub struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The slot's number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
    /// An id from a slot's number, as [`Id::index`] gave it.
    pub fn from_index(index: usize) -> Self {
        Self(index as u32, PhantomData)
    }
}

// Derives would ask the same of T.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Storage with reused slots. Which id a thing gets depends on the order of insertions, so ids must
/// never decide anything.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Stores `value`.
    pub fn insert(&mut self, value: T) -> Id<T> {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(value);
            return Id(slot, PhantomData);
        }
        self.slots.push(Some(value));
        Id(self.slots.len() as u32 - 1, PhantomData)
    }

    /// Takes the value out; panics where the id is not in use (a message answered twice).
    pub fn remove(&mut self, id: Id<T>) -> T {
        let value = self.slots[id.index()].take();
        self.free.push(id.0);
        value.unwrap_or_else(|| panic!("slab: {id:?} removed twice"))
    }

    /// The value.
    pub fn get(&self, id: Id<T>) -> &T {
        self.slots[id.index()].as_ref().unwrap_or_else(|| panic!("slab: {id:?} is not in use"))
    }

    /// The value, to change it.
    pub fn get_mut(&mut self, id: Id<T>) -> &mut T {
        self.slots[id.index()].as_mut().unwrap_or_else(|| panic!("slab: {id:?} is not in use"))
    }

    /// How many values are stored.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused_and_counted() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        let b = slab.insert("b");
        assert_eq!(slab.remove(a), "a");
        assert_eq!(slab.insert("c").index(), a.index());
        assert_eq!((slab.len(), *slab.get(b)), (2, "b"));
    }

    #[test]
    #[should_panic(expected = "removed twice")]
    fn removing_twice_is_a_bug() {
        let mut slab = Slab::default();
        let id = slab.insert(1);
        slab.remove(id);
        slab.remove(id);
    }
}
