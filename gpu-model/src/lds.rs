//! The local data share: how many cycles its banks need for an access.
//!
//! An access is served in passes of as many lanes as the banks could serve at best: 32 lanes of 4 bytes,
//! 16 of 8, 8 of 16 (of 12 too). A pass takes as many cycles as the busiest bank has different words to
//! deliver; lanes that read the same word share it.

use crate::params;

/// Bank cycles of an access in which lane `l` touches `bytes` bytes at LDS byte address `addresses[l]`
/// (`None`: masked off).
pub fn bank_cycles(params: &params::Lds, addresses: &[Option<u32>], bytes: u32) -> u32 {
    if !params.conflicts {
        return 1;
    }
    let words = bytes.div_ceil(4);
    let lanes_per_pass = (params.banks / words.next_power_of_two()).max(1) as usize;
    let mut cycles = 0;
    for pass in addresses.chunks(lanes_per_pass) {
        let mut touched: Vec<u32> =
            pass.iter().flatten().flat_map(|address| (0..words).map(move |w| address / 4 + w)).collect();
        touched.sort_unstable();
        touched.dedup();
        let mut per_bank = vec![0u32; params.banks as usize];
        for word in touched {
            per_bank[(word % params.banks) as usize] += 1;
        }
        // A pass without active lanes still takes its turn.
        cycles += per_bank.into_iter().max().unwrap_or(0).max(1);
    }
    cycles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(bytes: u32, address: impl Fn(u32) -> u32) -> u32 {
        let addresses: Vec<Option<u32>> = (0..64).map(|l| Some(address(l))).collect();
        bank_cycles(&params::Lds::default(), &addresses, bytes)
    }

    #[test]
    fn conflict_free_accesses_take_their_bandwidth() {
        assert_eq!(cycles(4, |l| 4 * l), 2);
        assert_eq!(cycles(8, |l| 8 * l), 4);
        assert_eq!(cycles(16, |l| 16 * l), 8);
    }

    #[test]
    fn a_broadcast_takes_a_cycle_a_pass() {
        assert_eq!(cycles(4, |_| 0), 2);
        assert_eq!(cycles(16, |l| 16 * (l / 8)), 8);
    }

    #[test]
    fn a_stride_of_all_banks_serialises() {
        assert_eq!(cycles(4, |l| 128 * l), 64);
        assert_eq!(cycles(4, |l| 8 * l), 4);
        // The same words in the same banks, from different lanes, are shared.
        assert_eq!(cycles(4, |l| 128 * (l % 2)), 4);
    }
}
