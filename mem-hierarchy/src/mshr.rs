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

/// What a request finds when it asks for a line that the cache does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnItsWay {
    /// The line is not on its way.
    No,
    /// It is, and the request may wait for it in this register.
    Yes(u32),
    /// It is, but as many wait for it as may.
    Crowded,
}

/// The registers of one cache.
#[derive(Debug)]
pub struct Mshrs {
    /// What others may wait for, by register: none where it is free, or used alone.
    shared: Vec<Key>,
    registers: Vec<Register>,
    free: Vec<u32>,
    /// Requests that may wait in a register.
    targets: usize,
}

#[derive(Clone, Debug)]
struct Register {
    /// None where the register is free.
    key: Key,
    targets: Vec<Target>,
}

impl Mshrs {
    /// `count` free registers in each of which `targets` requests may wait; 0: any number.
    pub fn new(count: usize, targets: u32) -> Self {
        Self {
            shared: vec![Key::NONE; count],
            registers: vec![Register { key: Key::NONE, targets: Vec::new() }; count],
            free: (0..count as u32).rev().collect(),
            targets: if targets == 0 { usize::MAX } else { targets as usize },
        }
    }

    /// Whether a line is on its way, for everyone who asks.
    #[inline]
    pub fn find(&self, key: Key) -> OnItsWay {
        let Some(register) = self.shared.iter().position(|k| *k == key) else { return OnItsWay::No };
        if self.registers[register].targets.len() < self.targets {
            OnItsWay::Yes(register as u32)
        } else {
            OnItsWay::Crowded
        }
    }

    /// Whether every register is in use.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Takes a free register, which there must be, for a line that others may wait for too; `None` where
    /// nobody waits for it yet.
    pub fn allocate(&mut self, key: Key, target: Option<Target>) -> u32 {
        let register = self.take(key);
        self.shared[register as usize] = key;
        self.registers[register as usize].targets.extend(target);
        register
    }

    /// The same for a line that passes the cache by: nobody else finds it.
    pub fn allocate_alone(&mut self, key: Key, target: Target) -> u32 {
        let register = self.take(key);
        self.registers[register as usize].targets.push(target);
        register
    }

    fn take(&mut self, key: Key) -> u32 {
        let register = self.free.pop().unwrap_or_else(|| panic!("MSHRs: no free register"));
        self.registers[register as usize].key = key;
        register
    }

    /// Adds a request to those that wait for a line.
    pub fn merge(&mut self, register: u32, target: Target) {
        self.registers[register as usize].targets.push(target);
    }

    /// The line of a register in use.
    pub fn key(&self, register: u32) -> Key {
        self.registers[register as usize].key
    }

    /// Whether the line of `register` passes the cache by.
    pub fn is_alone(&self, register: u32) -> bool {
        self.shared[register as usize] == Key::NONE
    }

    /// Those that wait for the line of `register`.
    pub fn targets(&self, register: u32) -> &[Target] {
        &self.registers[register as usize].targets
    }

    /// Frees a register.
    pub fn release(&mut self, register: u32) {
        let freed = &mut self.registers[register as usize];
        assert!(freed.key != Key::NONE, "MSHRs: register {register} released twice");
        freed.key = Key::NONE;
        freed.targets.clear();
        self.shared[register as usize] = Key::NONE;
        self.free.push(register);
    }

    /// Registers in use.
    pub fn in_use(&self) -> usize {
        self.registers.len() - self.free.len()
    }

    /// The lines on their way, for reports.
    pub fn outstanding(&self) -> impl Iterator<Item = Key> + '_ {
        self.registers.iter().map(|register| register.key).filter(|k| *k != Key::NONE)
    }
}
