//! Encodings of addresses against a decoder written from the format alone, lane by lane.

use proptest::prelude::*;

use crate::Trace;

/// How a tracer may write the addresses of the lanes of a mask.
#[derive(Clone, Debug)]
enum Encoding {
    List(Vec<u64>),
    Stride(u64, i64),
    Differences(u64, Vec<i64>),
}

impl Encoding {
    fn text(&self) -> String {
        match self {
            Self::List(addresses) => {
                let addresses: String = addresses.iter().map(|address| format!(" {address:#x}")).collect();
                format!("0{addresses}")
            }
            Self::Stride(base, stride) => format!("1 {base:#018x} {stride}"),
            Self::Differences(base, differences) => {
                let differences: String = differences.iter().map(|by| format!(" {by}")).collect();
                format!("2 {base:#x}{differences}")
            }
        }
    }

    /// The address of each lane, 0 to 31, that `mask` has.
    fn decode(&self, mask: u32) -> Vec<u64> {
        let mut decoded = Vec::new();
        let mut last = 0u64;
        for _ in (0..32).filter(|lane| mask >> lane & 1 == 1) {
            let nth = decoded.len();
            last = match self {
                Self::List(addresses) => addresses[nth],
                Self::Stride(base, stride) => (i128::from(*base) + nth as i128 * i128::from(*stride)) as u64,
                Self::Differences(base, _) if nth == 0 => *base,
                Self::Differences(_, differences) => {
                    (i128::from(last) + i128::from(differences[nth - 1])) as u64
                }
            };
            decoded.push(last);
        }
        decoded
    }
}

const MIDDLE: u64 = 0x7f00_0000_0000;

/// A mask and an encoding of addresses for it that stays within 64 bits.
fn encodings() -> impl Strategy<Value = (u32, Encoding)> {
    let list = any::<u32>().prop_flat_map(|mask| {
        let addresses = prop::collection::vec(any::<u64>(), mask.count_ones() as usize);
        (Just(mask), addresses.prop_map(Encoding::List))
    });
    let stride = (0u32..=32, 0u32..32, 0..2 * MIDDLE, -1_000_000i64..1_000_000).prop_map(
        |(lanes, first, base, stride)| {
            let mask = ((1u64 << lanes) - 1) << first & u64::from(u32::MAX);
            (mask as u32, Encoding::Stride(base + 32_000_000, stride))
        },
    );
    let differences = any::<u32>().prop_flat_map(|mask| {
        let count = mask.count_ones().saturating_sub(1) as usize;
        let differences = prop::collection::vec(-(1i64 << 40)..1 << 40, count);
        (Just(mask), differences.prop_map(|by| Encoding::Differences(MIDDLE, by)))
    });
    prop_oneof![list, stride, differences]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn addresses_are_those_of_a_naive_decoder((mask, encoding) in encodings(), immediate in any::<i64>()) {
        let trace = Trace { tracer: 5, lineinfo: false, tail: "immediate" };
        let line = format!("0010 {mask:08x} 1 R4 LDG.E 1 R2 4 {} {immediate}", encoding.text());
        let instructions = trace.read(&line).unwrap();
        prop_assert_eq!(&instructions[0].access.addresses, &encoding.decode(mask), "{}", line);
        // Nothing of the addresses is taken for what follows them.
        prop_assert_eq!(instructions[0].immediates, [immediate, 0]);
    }
}
