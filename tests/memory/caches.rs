//! Replays on a cache: counts by hand, and those of other programs on large traces, which must be equal.

use std::collections::HashMap;

use super::{Traced, names, replay, traces};

/// Names of the counters, in order.
const COUNTERS: [&str; 9] = [
    "accesses",
    "hits",
    "misses",
    "read_hits",
    "read_misses",
    "write_hits",
    "write_misses",
    "evictions",
    "dirty_evictions",
];

const SMALL: &str = "16 KiB,4,64,lru";
const LARGE: &str = "2 MiB,16,64,lru";

/// By trace and cache, the counters: pycachesim 0.3.1 and libCacheSim agree on them (write-back, write-allocate).
const EXPECTED: [(&str, &str, [u64; 9]); 10] = [
    ("c_colelem", SMALL, [100_000, 0, 100_000, 0, 100_000, 0, 0, 99_744, 0]),
    ("c_colelem", LARGE, [100_000, 87_456, 12_544, 87_456, 12_544, 0, 0, 0, 0]),
    ("c_mix", SMALL, [100_000, 35_948, 64_052, 27_014, 48_043, 8_934, 16_009, 63_796, 20_657]),
    ("c_mix", LARGE, [100_000, 74_576, 25_424, 56_047, 19_010, 18_529, 6_414, 200, 81]),
    ("rowconf", SMALL, [40_000, 0, 40_000, 0, 40_000, 0, 0, 39_996, 0]),
    ("rowconf", LARGE, [40_000, 0, 40_000, 0, 40_000, 0, 0, 39_984, 0]),
    ("mix7030", SMALL, [40_000, 0, 40_000, 0, 28_048, 0, 11_952, 39_744, 11_884]),
    ("mix7030", LARGE, [40_000, 0, 40_000, 0, 28_048, 0, 11_952, 8_197, 2_490]),
    ("stream", SMALL, [40_000, 0, 40_000, 0, 40_000, 0, 0, 39_744, 0]),
    ("stream", LARGE, [40_000, 0, 40_000, 0, 40_000, 0, 0, 7_232, 0]),
];

#[test]
fn counts_equal_those_of_two_cache_simulators() {
    let mut files = HashMap::new();
    for (trace, cache, expected) in EXPECTED {
        let traced = files.entry(trace).or_insert_with(|| Traced::new("t.trace", &traces::trace(trace)));
        let json = traced.json(&["--cache", cache]);
        let found = COUNTERS.map(|name| json[name].as_u64().unwrap());
        assert_eq!(found, expected, "{trace} on {cache}");
    }
}

#[test]
fn counts_by_hand() {
    // One set of two ways: A and B come, A is found, C takes the place of B, which was written, B that of A.
    let trace = "0 0x0 R\n0 0x44 W\n0 0x3f R\n0 0x80 R\n0 0x40 R\n0 0x80 W\n";
    let json = replay(trace, &["--cache", "128 B,2,64,lru"]);
    let counts = COUNTERS.map(|name| json[name].as_u64().unwrap());
    assert_eq!(counts, [6, 2, 4, 1, 3, 1, 1, 2, 1]);
    assert_eq!(json["trace"], "small");
    assert_eq!((&json["hit_rate"], &json["dirty_lines"]), (&(2.0 / 6.0).into(), &1.into()));
    assert_eq!(json["cache"], "128 B,2,64,lru");
    let documented: Vec<&str> = ["trace"].into_iter().chain(COUNTERS).collect();
    assert_eq!(names(&json)[..documented.len()], documented);
}

#[test]
fn lines_may_have_other_sizes() {
    let trace = "0 0x0 R\n0 0x7f R\n0 0x10 R\n";
    for (line, hits) in [("16", 0), ("32", 1), ("64", 1), ("128", 2)] {
        let json = replay(trace, &["--cache", &format!("1 KiB,2,{line},lru")]);
        assert_eq!(json["hits"], hits, "lines of {line} bytes");
    }
}

#[test]
fn tables_are_fit_to_read() {
    let traced = Traced::new("t.trace", "0 0x0 R\n0 0x0 W\n");
    let (code, table, stderr) = traced.replay(&["--cache", SMALL]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for words in ["t  on a cache of 16 KiB", "50.0 %", "evictions"] {
        assert!(table.contains(words), "{words}: {table}");
    }
}
