//! Miss status holding registers: the lines on their way to a cache and who waits for them.

use sim_core::Cycle;

use crate::request::{Access, Key};

/// A request that waits for a line.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The compute unit that asked.
    pub cu: u16,
    /// The requester's own name for the request.
    pub tag: u32,
    /// What was asked.
    pub access: Access,
    /// When the request arrived.
    pub arrived: Cycle,
}

/// The registers of one cache.
#[derive(Debug)]
pub struct Mshrs {
    keys: Vec<Key>,
    targets: Vec<Vec<Target>>,
    used: usize,
}

impl Mshrs {
    /// `count` free registers.
    pub fn new(count: usize) -> Self {
        Self { keys: vec![Key::NONE; count], targets: vec![Vec::new(); count], used: 0 }
    }

    /// The register of a line on its way.
    #[inline]
    pub fn find(&self, key: Key) -> Option<u32> {
        self.keys.iter().position(|k| *k == key).map(|i| i as u32)
    }

    /// Whether every register is in use.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.used == self.keys.len()
    }

    /// Takes a free register for a line; there must be one.
    pub fn allocate(&mut self, key: Key, target: Target) -> u32 {
        let free = self.find(Key::NONE).unwrap_or_else(|| panic!("MSHRs: no free register"));
        self.keys[free as usize] = key;
        self.used += 1;
        self.targets[free as usize].push(target);
        free
    }

    /// Adds a request to those that wait for a line.
    pub fn merge(&mut self, register: u32, target: Target) {
        self.targets[register as usize].push(target);
    }

    /// The line of a register in use.
    pub fn key(&self, register: u32) -> Key {
        self.keys[register as usize]
    }

    /// Those that wait for the line of `register`.
    pub fn targets(&self, register: u32) -> &[Target] {
        &self.targets[register as usize]
    }

    /// Frees a register.
    pub fn release(&mut self, register: u32) {
        assert!(self.keys[register as usize] != Key::NONE, "MSHRs: register {register} released twice");
        self.keys[register as usize] = Key::NONE;
        self.targets[register as usize].clear();
        self.used -= 1;
    }

    /// Registers in use.
    pub fn in_use(&self) -> usize {
        self.used
    }

    /// The lines on their way, for reports.
    pub fn outstanding(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys.iter().copied().filter(|k| *k != Key::NONE)
    }
}
