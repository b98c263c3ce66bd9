//! Banks of a tag array: each looks up one request a cycle.

/// Which banks have looked something up in the present cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Banks {
    /// 0: any number of banks.
    count: u32,
    busy: u64,
}

impl Banks {
    /// `count` banks, 64 at the most; 0: no request is in another's way.
    pub(crate) fn new(count: u32) -> Self {
        assert!(count <= 64, "{count} banks");
        Self { count, busy: 0 }
    }

    /// Begins a cycle.
    pub(crate) fn free_all(&mut self) {
        self.busy = 0;
    }

    /// Whether the bank of line `index` has done its work in this cycle.
    pub(crate) fn is_busy(&self, index: u64) -> bool {
        self.count != 0 && self.busy >> (index % u64::from(self.count)) & 1 == 1
    }

    /// Notes that the bank of line `index` has done its work in this cycle.
    pub(crate) fn take(&mut self, index: u64) {
        if self.count != 0 {
            self.busy |= 1 << (index % u64::from(self.count));
        }
    }
}
