//! An independent judge of a command stream, for the tests.
//!
//! It is written from data-sheet definitions, pair by pair over the whole stream, and shares neither
//! the table nor the gates of [`super::timing`]; it takes nothing of the scheduler's but the stream.

use super::channel::LoggedCommand;
use super::standards::Standard;
use super::timing::Command;

/// What a burst does to the data bus.
struct Burst {
    start: u64,
    end: u64,
    write: bool,
    rank: usize,
}

#[derive(Clone, Default)]
struct BankLog {
    row: Option<u32>,
    activate: Option<u64>,
    /// When the latest precharge (also a hidden one) took effect.
    closed: Option<u64>,
    read: Option<u64>,
    write: Option<u64>,
}

fn apart(what: &str, earlier: Option<u64>, now: u64, need: u64, c: &LoggedCommand) {
    if let Some(earlier) = earlier {
        assert!(now >= earlier + need, "{what}: {earlier} + {need} > {now} at {c:?}");
    }
}

/// Panics at the first violation; counts of ACT, bursts and REF otherwise.
pub(super) fn check(standard: &Standard, commands: &[LoggedCommand]) -> (u64, u64, u64) {
    let t = &standard.timings;
    let per_rank = standard.banks.groups;
    let all = standard.banks.total();
    let mut banks = vec![BankLog::default(); all];
    let mut activates: Vec<(u64, usize)> = Vec::new(); // tick, group
    let mut columns: Vec<(u64, usize, bool)> = Vec::new(); // tick, group, write
    let mut precharges: Vec<(u64, usize)> = Vec::new();
    let mut last_burst: Option<Burst> = None;
    let mut refreshed: Option<u64> = None;
    let mut refreshes = 0;
    let mut previous: Option<(u64, bool, bool)> = None; // tick, row command seen, column command seen
    for c in commands {
        let now = c.tick;
        let group = c.bank_group as usize;
        let rank = group / per_rank;
        let index = group * standard.banks.banks + c.bank as usize;
        let read = matches!(c.command, Command::Read | Command::ReadPrecharge);
        let write = matches!(c.command, Command::Write | Command::WritePrecharge);
        let column = read || write;

        let (mut row_seen, mut column_seen) = (false, false);
        if let Some((tick, r, k)) = previous {
            assert!(tick <= now, "commands out of order at {c:?}");
            if tick == now {
                (row_seen, column_seen) = (r, k);
            }
        }
        let clash = if standard.dual_command {
            if column { column_seen } else { row_seen }
        } else {
            row_seen || column_seen
        };
        assert!(!clash, "two commands on a bus at {c:?}");
        previous = Some((now, row_seen || !column, column_seen || column));

        match c.command {
            Command::Activate => {
                let bank = &mut banks[index];
                assert!(bank.row.is_none(), "ACT to an open bank: {c:?}");
                apart("tRC", bank.activate, now, t.ras + t.rp, c);
                apart("tRP", bank.closed, now, t.rp, c);
                apart("tRFC", refreshed, now, t.rfc, c);
                (bank.row, bank.activate, bank.read, bank.write) = (Some(c.row), Some(now), None, None);
                let mine = |&&(_, g): &&(u64, usize)| g / per_rank == rank;
                let in_group = activates.iter().rev().take(64).find(|(_, g)| *g == group);
                apart("tRRD_L", in_group.map(|a| a.0), now, t.rrd_l, c);
                let back = |n: usize| activates.iter().rev().filter(mine).nth(n).map(|a| a.0);
                apart("tRRD_S", back(0), now, t.rrd_s, c);
                apart("tFAW", back(3), now, t.faw, c);
                apart("t32AW", back(31), now, t.aw32, c);
                activates.push((now, group));
            }
            Command::Precharge | Command::PrechargeAll => {
                let (from, to) = if c.command == Command::Precharge { (index, index + 1) } else { (0, all) };
                apart("tPPD", precharges.iter().rev().find(|p| p.1 == rank).map(|p| p.0), now, t.ppd, c);
                precharges.push((now, rank));
                for bank in &mut banks[from..to] {
                    if bank.row.is_none() {
                        assert!(c.command == Command::PrechargeAll, "PRE to a closed bank: {c:?}");
                        continue;
                    }
                    apart("tRAS", bank.activate, now, t.ras, c);
                    apart("tRTP", bank.read, now, t.rtp, c);
                    apart("tWR", bank.write, now, t.cwl + t.burst + t.wr, c);
                    (bank.row, bank.closed) = (None, Some(now));
                }
            }
            Command::Refresh => {
                for bank in &banks {
                    assert!(bank.row.is_none(), "REF with an open bank: {c:?}");
                    apart("tRP before REF", bank.closed, now, t.rp, c);
                }
                apart("tRFC", refreshed, now, t.rfc, c);
                refreshed = Some(now);
                refreshes += 1;
                assert!(now >= refreshes * t.refi, "REF {refreshes} before it is due: {c:?}");
                assert!(now < refreshes * t.refi + t.refi, "REF {refreshes} postponed too far: {c:?}");
            }
            _ => {
                let bank = &mut banks[index];
                assert_eq!(bank.row, Some(c.row), "a burst of a row that is not open: {c:?}");
                let rcd = if read { t.rcd_read } else { t.rcd_write };
                apart("tRCD", bank.activate, now, rcd, c);
                *(if read { &mut bank.read } else { &mut bank.write }) = Some(now);
                if matches!(c.command, Command::ReadPrecharge | Command::WritePrecharge) {
                    // The bank precharges itself as soon as a PRE would be allowed.
                    let ras = bank.activate.map_or(0, |a| a + t.ras);
                    let rtp = bank.read.map_or(0, |r| r + t.rtp);
                    let wr = bank.write.map_or(0, |w| w + t.cwl + t.burst + t.wr);
                    (bank.row, bank.closed) = (None, Some(ras.max(rtp).max(wr)));
                }
                for &(tick, g, w) in columns.iter().rev().take(64) {
                    if w == write && g == group {
                        apart("tCCD_L", Some(tick), now, t.ccd_l, c);
                    }
                    if w == write {
                        apart("tCCD_S", Some(tick), now, t.ccd_s, c);
                    }
                    if w && read && g == group {
                        apart("tWTR_L", Some(tick), now, t.cwl + t.burst + t.wtr_l, c);
                    }
                    if w && read && g / per_rank == rank {
                        apart("tWTR_S", Some(tick), now, t.cwl + t.burst + t.wtr_s, c);
                    }
                }
                columns.push((now, group, write));
                let start = now + if read { t.cl } else { t.cwl };
                let burst = Burst { start, end: start + t.burst, write, rank };
                if let Some(last) = &last_burst {
                    let turn = (write && !last.write) || last.rank != burst.rank;
                    let bubble = if turn { t.rtrs } else { 0 };
                    assert!(burst.start >= last.end + bubble, "data bus taken until {}: {c:?}", last.end);
                }
                last_burst = Some(burst);
            }
        }
    }
    (activates.len() as u64, columns.len() as u64, refreshes)
}

/// The checker itself finds what is wrong.
#[test]
#[should_panic(expected = "tRCD")]
fn an_early_read_is_found() {
    let standard = super::Preset::Gddr5.standard().unwrap();
    let at = |tick, command| LoggedCommand { tick, command, bank_group: 0, bank: 3, row: 1 };
    check(standard, &[at(10, Command::Activate), at(37, Command::Read)]);
}
