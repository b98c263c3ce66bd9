//! What can be computed by hand: latencies, row cycles, peaks, limits of activates, refreshes. Every figure
//! stands here beside its formula; both reference simulators meet those of HBM1 and GDDR5.

use super::standards::Standard;
use super::tests::{Random, dram, latency, line_of, saturate, without_refresh};
use super::timing::Timings;
use super::{Channel, Dram, Mapping, Preset, Refresh};

/// The presets with open pages and FR-FCFS.
const PRESETS: [Preset; 5] = [Preset::Gddr5, Preset::Gddr6, Preset::Hbm1, Preset::Hbm2, Preset::Hbm2e];

fn standard(preset: Preset) -> &'static Standard {
    preset.standard().unwrap()
}

/// Neighbouring lines lie in a row, and nothing is refreshed.
fn rows(preset: Preset) -> Dram {
    Dram { mapping: Mapping::RoRaBgBaCo, ..without_refresh(preset) }
}

#[test]
fn unloaded_latencies_are_exact() {
    // Row hit: one clock to schedule, CL, the bursts at tCCD_L; closed row: tRCD more; conflict: tRP more.
    let expected = [
        (Preset::Gddr5, 33, 61, 89), // 1 + 28 + 2 + 2, + 28, + 28
        (Preset::Gddr6, 31, 58, 85), // 1 + 24 + 4 + 2, + 27, + 27
        (Preset::Hbm1, 10, 17, 24),  // 1 + 7 + 2, + 7, + 7
        (Preset::Hbm2, 17, 31, 45),  // 1 + 14 + 2, + 14, + 14
        (Preset::Hbm2e, 31, 54, 77), // 1 + 23 + 5 + 2, + 23, + 23
    ];
    for (preset, hit, closed, conflict) in expected {
        let standard = standard(preset);
        assert_eq!(standard.row_hit_latency(), hit);
        let mut channel = Channel::new(&rows(preset));
        assert_eq!(latency(&mut channel, 1_000, line_of(standard, 2, 0)), closed, "{preset:?} closed");
        assert_eq!(latency(&mut channel, 2_000, line_of(standard, 2, 0) + 1), hit, "{preset:?} hit");
        assert_eq!(latency(&mut channel, 3_000, line_of(standard, 2, 1)), conflict, "{preset:?} conflict");
        let stats = channel.stats();
        let rest = standard.bursts_per_line() - 1;
        assert_eq!((stats.row_hits, stats.row_misses, stats.row_conflicts), (1 + 3 * rest, 1, 1));
        assert_eq!(stats.read_latency.sum, hit + closed + conflict);
    }
}

#[test]
fn one_bank_cycles_its_rows_in_trc() {
    // tRAS + tRP; 64 bytes in it, in GB/s.
    let expected = [
        (Preset::Gddr5, 94, 1.1915), // 66 + 28
        (Preset::Gddr6, 80, 1.4),    // 53 + 27
        (Preset::Hbm1, 24, 1.3333),  // 17 + 7
        (Preset::Hbm2, 48, 1.3333),  // 34 + 14
        (Preset::Hbm2e, 78, 1.3128), // 55 + 23
    ];
    for (preset, rc, bandwidth) in expected {
        let standard = standard(preset);
        let mut channel = Channel::new(&rows(preset));
        let accesses = 40_000;
        let end = saturate(&mut channel, (0..accesses).map(|row| line_of(standard, 0, row)));
        // The first ACT at tick 1, then one every tRC; the last one's data after tRCD.
        let closed = standard.timings.rcd_read + standard.row_hit_latency();
        assert_eq!(end, (accesses - 1) * rc + closed, "{preset:?}");
        assert_eq!(channel.stats().activates, accesses);
        let found = (64 * accesses) as f64 * standard.clock_hz as f64 / end as f64 / 1e9;
        assert!((found / bandwidth - 1.0).abs() < 1e-4, "{preset:?}: {found} GB/s");
    }
}

#[test]
fn a_stream_reaches_the_peak_and_not_more() {
    // GB/s of a channel: bits of the bus, by Gb/s of a pin, by 1/8.
    let peaks = [
        (Preset::Gddr5, 28.0), // 32 x 7
        (Preset::Gddr6, 28.0), // 16 x 14
        (Preset::Hbm1, 16.0),  // 128 x 1
        (Preset::Hbm2, 32.0),  // 128 x 2
        (Preset::Hbm2e, 25.6), // 64 x 3.2
    ];
    for (preset, peak) in peaks {
        let standard = standard(preset);
        let mut channel = Channel::new(&without_refresh(preset));
        let end = saturate(&mut channel, 0..50_000);
        let found = (64 * 50_000) as f64 * standard.clock_hz as f64 / end as f64 / 1e9;
        assert!((0.994..=1.0).contains(&(found / peak)), "{preset:?}: {found} of {peak} GB/s");
        let busy = 50_000 * standard.bursts_per_line() * standard.timings.burst;
        assert_eq!(channel.stats().busy_ticks, busy);
    }
}

#[test]
fn random_reads_reach_the_limit_of_activates() {
    // So many ACTs in so many clocks: t32AW, tRRD or tFAW, whichever is slowest.
    let limits = [
        (Preset::Gddr5, 32, 420),
        (Preset::Gddr6, 1, 8),
        (Preset::Hbm1, 4, 15),
        (Preset::Hbm2, 4, 30),
        (Preset::Hbm2e, 1, 7),
    ];
    for (preset, activates, window) in limits {
        let mut random = Random(1);
        let mut channel = Channel::new(&without_refresh(preset));
        let end = saturate(&mut channel, (0..50_000).map(|_| random.below(1 << 24)));
        let bound = channel.stats().activates * window / activates;
        let share = bound as f64 / end as f64;
        assert!((0.96..=1.001).contains(&share), "{preset:?}: {share} of the limit");
    }
}

#[test]
fn refreshes_of_a_long_run_are_counted_exactly() {
    // Eight channels: 8 x floor(T / tREFI), T being the end of the reference's stream at low load.
    let eight = |preset, end| {
        let mut channel = Channel::new(&dram(preset));
        channel.advance(end);
        8 * channel.stats().refreshes
    };
    assert_eq!(eight(Preset::Hbm1, 1_998_326), 8_192); // 8 x floor(1,998,326 / 1,950)
    assert_eq!(eight(Preset::Gddr5, 1_998_349), 3_600); // 8 x floor(1,998,349 / 4,433)
}

#[test]
fn refresh_takes_its_share_of_the_time_and_a_little_more() {
    // tRFC / tREFI: 1.96, 6.33, 6.67, 6.67 and 8.97 %. Rows have to be closed and opened again besides.
    for (preset, floor) in PRESETS.into_iter().zip([0.0196, 0.0633, 0.0667, 0.0667, 0.0897]) {
        let Timings { rfc, refi, .. } = standard(preset).timings;
        assert!((rfc as f64 / refi as f64 - floor).abs() < 1e-4);
        let end = |refresh| saturate(&mut Channel::new(&Dram { refresh, ..dram(preset) }), 0..50_000);
        let lost = 1.0 - end(Refresh::Off) as f64 / end(Refresh::AllBank) as f64;
        assert!((floor..floor + 0.04).contains(&lost), "{preset:?}: {lost} lost, at least {floor}");
    }
}

#[test]
fn refreshes_fall_due_busy_or_idle() {
    for preset in PRESETS {
        for refresh in [Refresh::AllBank, Refresh::PerBank] {
            let parameters = Dram { refresh, ..dram(preset) };
            let standard = standard(preset);
            let banks = standard.banks.total();
            let interval = match refresh {
                Refresh::PerBank => standard.timings.refi / banks as u64,
                _ => standard.timings.refi,
            };
            let mut idle = Channel::new(&parameters);
            assert_eq!(idle.advance(1_000 * interval - 1), None);
            assert_eq!(idle.stats().refreshes, 999);
            idle.advance(1_000 * interval);
            assert_eq!(idle.stats().refreshes, 1_000);

            let mut busy = Channel::new(&parameters);
            let end = saturate(&mut busy, 0..40_000);
            assert!(busy.stats().refreshes.abs_diff(end / interval) <= 1, "{preset:?} {refresh:?}");
        }
    }
}

#[test]
fn a_refresh_of_all_banks_closes_rows_and_holds_requests_back() {
    let refi = standard(Preset::Hbm1).timings.refi;
    let mut channel = Channel::new(&dram(Preset::Hbm1));
    latency(&mut channel, 100, 0);
    // Idle across the first refresh: PREA at its tick, REF tRP later; the row is closed afterwards.
    assert_eq!(latency(&mut channel, refi + 500, 1), 17);
    assert_eq!(channel.stats().refreshes, 1);
    // PREA at the second, REF tRP 7 later, ACT tRFC 130 later, then RD after tRCD: 7 + 130 + 7 + 9.
    assert_eq!(latency(&mut channel, 2 * refi - 1, 2), 1 + 7 + 130 + 7 + 9);
}

#[test]
fn a_refresh_of_a_bank_lets_the_others_work() {
    let parameters = Dram { refresh: Refresh::PerBank, ..dram(Preset::Hbm1) };
    let standard = standard(Preset::Hbm1);
    let interval = 1_950 / 16;
    let first_of = |bank| line_of(standard, bank, 0);
    // Bank 0 is refreshed when due. A read of it that comes in that tick: tRFCpb 80, tRCD 7, CL 7, burst 2.
    assert_eq!(latency(&mut Channel::new(&parameters), interval, first_of(0)), 80 + 7 + 7 + 2);
    // One of another bank: tRREFD 4, tRCD 7, CL 7, burst 2.
    assert_eq!(latency(&mut Channel::new(&parameters), interval, first_of(1)), 4 + 7 + 7 + 2);
    // One of bank 0 that comes a tick before turns the refresh to bank 1: REFpb, tRREFD and so on.
    assert_eq!(latency(&mut Channel::new(&parameters), interval - 1, first_of(0)), 1 + 4 + 7 + 7 + 2);
    // Where the row of another bank is open, its reads do not wait at all.
    let mut channel = Channel::new(&parameters);
    latency(&mut channel, 50, first_of(1));
    assert_eq!(latency(&mut channel, interval, first_of(1)), 10);
    assert_eq!(channel.stats().refreshes, 1);
    // The second refresh closes that row: PRE when due, tRP 7 later REFpb, tRFCpb 80 later ACT.
    assert_eq!(latency(&mut channel, 2 * interval, first_of(1)), 7 + 80 + 7 + 7 + 2);
}

#[test]
fn refreshes_of_banks_cost_random_reads_less_than_those_of_all() {
    // Not on gddr5: there t32AW is the limit, and every REFpb counts towards it.
    for preset in [Preset::Gddr6, Preset::Hbm1, Preset::Hbm2, Preset::Hbm2e] {
        let end = |refresh| {
            let mut random = Random(1);
            let lines = (0..20_000).map(|_| random.below(1 << 24));
            saturate(&mut Channel::new(&Dram { refresh, ..dram(preset) }), lines)
        };
        let (off, all, single) = (end(Refresh::Off), end(Refresh::AllBank), end(Refresh::PerBank));
        assert!(off < single && single < all, "{preset:?}: {off}, {single}, {all} clocks");
    }
}

#[test]
fn peaks_of_all_channels_are_those_of_the_data_sheets() {
    let peak = |channels, preset| {
        Dram { channels, ..dram(preset) }.peak_bytes_per_second(1_000_000_000) as f64 / 1e9
    };
    assert_eq!(peak(8, Preset::Gddr5), 224.0);
    assert_eq!(peak(16, Preset::Gddr6), 448.0); // eight devices: 256 bits at 14 Gb/s
    assert_eq!(peak(8, Preset::Hbm1), 128.0);
    assert_eq!(peak(8, Preset::Hbm2), 256.0);
    assert_eq!(peak(16, Preset::Hbm2e), 409.6); // a stack: 1,024 bits at 3.2 Gb/s
    assert_eq!(peak(16, Preset::HbmR9Nano), 512.0);
    assert_eq!(peak(8, Preset::Ideal), 512.0);
}
