//! Model parameters: each declared once, with unit, default, allowed values and documentation.
//!
//! [`parameters!`](crate::parameters) turns one declaration into the struct, its `Default`, its serde
//! form (unknown keys refused, missing keys defaulted), the check of its values and the rows that
//! `config show` prints:
//!
//! ```
//! use sim_core::params::{Bytes, Group, power_of_two, range};
//! sim_core::parameters! {
//!     /// A cache.
//!     pub struct Cache {
//!         /// Capacity of the data array.
//!         size: Bytes = Bytes::kib(16), "", power_of_two(Bytes::kib(1), Bytes::mib(64));
//!         /// Ways of a set.
//!         ways: u32 = 4, "", range(1, 64);
//!         /// Cycles from a request's arrival to its data, on a hit.
//!         latency: u32 = 60, "cycles", range(1, 10_000);
//!     }
//! }
//! let mut rows = Vec::new();
//! Cache::default().describe("gpu.l1", &mut rows);
//! assert_eq!(rows[0].path, "gpu.l1.size");
//! assert_eq!(rows[0].value, "16 KiB");
//! ```

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One parameter as `config show` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Dotted path, as `--set` takes it.
    pub path: String,
    /// Present value, in the notation that the configuration takes.
    pub value: String,
    /// The value that holds when nothing is said.
    pub default: String,
    /// Unit, empty where the value carries its own or has none.
    pub unit: String,
    /// What is allowed, in words.
    pub allowed: String,
    /// What it means.
    pub doc: String,
}

/// A value outside what its parameter allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Dotted path of the parameter.
    pub path: String,
    /// The value found.
    pub value: String,
    /// What is allowed, in words.
    pub allowed: String,
}

/// What a parameter allows.
#[derive(Clone, Debug)]
pub enum Allowed<T> {
    /// Every value of the type.
    Any,
    /// From the first to the second value, both included.
    Range(T, T),
    /// Powers of two from the first to the second value, both included.
    PowerOfTwo(T, T),
    /// Zero (meaning *off*, as the parameter's documentation says) or a range.
    ZeroOr(T, T),
}

/// Every value of the type is allowed.
pub fn any<T>() -> Allowed<T> {
    Allowed::Any
}

/// Values from `low` to `high`, both included.
pub fn range<T>(low: T, high: T) -> Allowed<T> {
    Allowed::Range(low, high)
}

/// Powers of two from `low` to `high`, both included.
pub fn power_of_two<T>(low: T, high: T) -> Allowed<T> {
    Allowed::PowerOfTwo(low, high)
}

/// Zero, or values from `low` to `high`.
pub fn zero_or<T>(low: T, high: T) -> Allowed<T> {
    Allowed::ZeroOr(low, high)
}

/// A type that a leaf parameter may have.
pub trait Value: Clone {
    /// The value in the notation that the configuration takes.
    fn show(&self) -> String;
    /// Size for comparisons; `None` for values without an order (names).
    fn magnitude(&self) -> Option<f64>;
    /// The names allowed, for enumerations.
    fn names() -> Option<&'static [&'static str]> {
        None
    }
}

impl<T: Value> Allowed<T> {
    /// What is allowed, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Any => T::names().map_or_else(|| "any".into(), |names| names.join(" | ")),
            Self::Range(low, high) => format!("{} to {}", low.show(), high.show()),
            Self::PowerOfTwo(low, high) => {
                format!("a power of two from {} to {}", low.show(), high.show())
            }
            Self::ZeroOr(low, high) => format!("0 (off) or {} to {}", low.show(), high.show()),
        }
    }

    /// Whether `value` is allowed.
    pub fn holds(&self, value: &T) -> bool {
        let Some(v) = value.magnitude() else { return true };
        let within = |low: &T, high: &T| {
            low.magnitude().is_none_or(|low| v >= low) && high.magnitude().is_none_or(|high| v <= high)
        };
        match self {
            Self::Any => true,
            Self::Range(low, high) => within(low, high),
            Self::PowerOfTwo(low, high) => {
                within(low, high) && v >= 1.0 && v.fract() == 0.0 && (v as u64).is_power_of_two()
            }
            Self::ZeroOr(low, high) => v == 0.0 || within(low, high),
        }
    }
}

/// A group of parameters: describes and checks itself.
pub trait Group {
    /// Appends a row for each parameter below `prefix`.
    fn describe(&self, prefix: &str, rows: &mut Vec<Row>);
    /// Appends a violation for each value that is not allowed.
    fn check(&self, prefix: &str, violations: &mut Vec<Violation>);
}

macro_rules! integer_values {
    ($($t:ty),*) => {$(
        impl Value for $t {
            fn show(&self) -> String { self.to_string() }
            fn magnitude(&self) -> Option<f64> { Some(*self as f64) }
        }
    )*};
}
integer_values!(u8, u16, u32, u64, usize, f64);

impl Value for bool {
    fn show(&self) -> String {
        self.to_string()
    }
    fn magnitude(&self) -> Option<f64> {
        None
    }
    fn names() -> Option<&'static [&'static str]> {
        Some(&["true", "false"])
    }
}

impl Value for String {
    fn show(&self) -> String {
        format!("{self:?}")
    }
    fn magnitude(&self) -> Option<f64> {
        None
    }
}

/// A number of bytes, written `"256 KiB"`, `"2 MiB"`, `"64 B"` or as a plain integer of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `n` KiB.
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }
    /// `n` MiB.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
    /// `n` GiB.
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }
}

/// A frequency, written `"1 GHz"`, `"1233 MHz"`, `"500 kHz"` or `"50 Hz"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hertz(pub u64);

impl Hertz {
    /// `n` MHz.
    pub const fn mhz(n: u64) -> Self {
        Self(n * 1_000_000)
    }
}

const BYTE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const HERTZ_UNITS: &[(&str, u64)] = &[("GHz", 1_000_000_000), ("MHz", 1_000_000), ("kHz", 1_000), ("Hz", 1)];

/// `number` in the largest unit that divides it.
fn show_with_unit(number: u64, units: &[(&str, u64)]) -> String {
    let (unit, size) = units
        .iter()
        .find(|(_, size)| number.is_multiple_of(*size) && number >= *size)
        .unwrap_or(&units[units.len() - 1]);
    format!("{} {unit}", number / size)
}

/// Reads `"<number> <unit>"`; the number may have decimals where the product is whole.
fn read_with_unit(text: &str, what: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let wanted = || {
        let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is not a {what}: write a number and one of the units {}", names.join(", "))
    };
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').ok_or_else(wanted)?;
    let (number, unit) = (text[..split].replace('_', ""), text[split..].trim());
    let size = units.iter().find(|(name, _)| *name == unit).ok_or_else(wanted)?.1;
    let (whole, decimals) = number.split_once('.').unwrap_or((&number, ""));
    let scale = 10u64.checked_pow(decimals.len() as u32).ok_or_else(wanted)?;
    let digits: u64 = format!("{whole}{decimals}").parse().map_err(|_| wanted())?;
    let scaled = u128::from(digits) * u128::from(size);
    if !scaled.is_multiple_of(u128::from(scale)) {
        return Err(format!("`{text}` is not a whole number of {}", units[units.len() - 1].0));
    }
    u64::try_from(scaled / u128::from(scale)).map_err(|_| wanted())
}

macro_rules! quantity {
    ($t:ident, $what:literal, $units:ident) => {
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&show_with_unit(self.0, $units))
            }
        }
        impl std::str::FromStr for $t {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                read_with_unit(text, $what, $units).map(Self)
            }
        }
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $t;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a {} such as \"{}\"", $what, $t($units[1].1))
                    }
                    fn visit_u64<E: de::Error>(self, v: u64) -> Result<$t, E> {
                        Ok($t(v))
                    }
                    fn visit_str<E: de::Error>(self, v: &str) -> Result<$t, E> {
                        v.parse().map_err(E::custom)
                    }
                }
                d.deserialize_any(Visitor)
            }
        }
        impl Value for $t {
            fn show(&self) -> String {
                self.to_string()
            }
            fn magnitude(&self) -> Option<f64> {
                Some(self.0 as f64)
            }
        }
    };
}
quantity!(Bytes, "size", BYTE_UNITS);
quantity!(Hertz, "frequency", HERTZ_UNITS);

/// Declares an enumeration that the configuration writes as a kebab-case string.
///
/// ```
/// sim_core::named_values! {
///     /// Replacement policy.
///     pub enum Policy { /// Least recently used.
///         Lru = "lru", /// Seeded random.
///         Random = "random" }
/// }
/// assert_eq!(serde_json::to_string(&Policy::Lru).unwrap(), "\"lru\"");
/// ```
#[macro_export]
macro_rules! named_values {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "sim_core::serde")]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),* }
        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name that the configuration uses.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl $crate::params::Value for $name {
            fn show(&self) -> String { format!("{:?}", self.name()) }
            fn magnitude(&self) -> Option<f64> { None }
            fn names() -> Option<&'static [&'static str]> { Some(&[$($text),*]) }
        }
    };
}

/// Declares a group of parameters; see [the module](crate::params).
#[macro_export]
macro_rules! parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $crate::parameters!(@fields [$(#[$meta])*] $name [] [] $($body)*);
    };
    // A nested group.
    (@fields $head:tt $name:ident [$($leaf:tt)*] [$($group:tt)*]
        $(#[doc = $doc:literal])* $field:ident : group $ty:ty ; $($rest:tt)*) => {
        $crate::parameters!(@fields $head $name [$($leaf)*] [$($group)* { [$($doc)*] $field $ty }] $($rest)*);
    };
    // A leaf.
    (@fields $head:tt $name:ident [$($leaf:tt)*] [$($group:tt)*]
        $(#[doc = $doc:literal])* $field:ident : $ty:ty = $default:expr, $unit:literal, $allowed:expr ; $($rest:tt)*) => {
        $crate::parameters!(@fields $head $name
            [$($leaf)* { [$($doc)*] $field $ty, $default, $unit, $allowed }] [$($group)*] $($rest)*);
    };
    (@fields [$(#[$meta:meta])*] $name:ident
        [$({ [$($doc:literal)*] $field:ident $ty:ty, $default:expr, $unit:literal, $allowed:expr })*]
        [$({ [$($gdoc:literal)*] $gfield:ident $gty:ty })*]) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "sim_core::serde", default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $ty,)*
            $($(#[doc = $gdoc])* pub $gfield: $gty,)*
        }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* $($gfield: <$gty>::default(),)* }
            }
        }
        impl $crate::params::Group for $name {
            #[allow(unused_variables)]
            fn describe(&self, prefix: &str, rows: &mut Vec<$crate::params::Row>) {
                use $crate::params::{Allowed, Value};
                $({
                    let allowed: Allowed<$ty> = $allowed;
                    let default: $ty = $default;
                    rows.push($crate::params::Row {
                        path: $crate::params::join(prefix, stringify!($field)),
                        value: self.$field.show(),
                        default: default.show(),
                        unit: $unit.into(),
                        allowed: allowed.words(),
                        doc: concat!($($doc),*).trim().into(),
                    });
                })*
                $($crate::params::Group::describe(&self.$gfield, &$crate::params::join(prefix, stringify!($gfield)), rows);)*
            }
            #[allow(unused_variables)]
            fn check(&self, prefix: &str, violations: &mut Vec<$crate::params::Violation>) {
                use $crate::params::{Allowed, Value};
                $({
                    let allowed: Allowed<$ty> = $allowed;
                    if !allowed.holds(&self.$field) {
                        violations.push($crate::params::Violation {
                            path: $crate::params::join(prefix, stringify!($field)),
                            value: self.$field.show(),
                            allowed: allowed.words(),
                        });
                    }
                })*
                $($crate::params::Group::check(&self.$gfield, &$crate::params::join(prefix, stringify!($gfield)), violations);)*
            }
        }
    };
}

/// `prefix.name`, or `name` where the prefix is empty.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_and_show_exactly() {
        for (text, bytes) in [("2 MiB", 2 << 20), ("1.25 MiB", 1_310_720), ("64 B", 64), ("16KiB", 16 << 10)]
        {
            assert_eq!(text.parse::<Bytes>(), Ok(Bytes(bytes)), "{text}");
        }
        assert_eq!(Bytes(1_310_720).to_string(), "1280 KiB");
        assert_eq!("1.233 GHz".parse::<Hertz>(), Ok(Hertz::mhz(1233)));
        for wrong in ["2 MB", "2", "MiB", "1.3 B", "-1 KiB", ""] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn allowed_values_hold_at_their_bounds() {
        assert!(range(1u32, 4).holds(&4) && !range(1u32, 4).holds(&5));
        let pow = power_of_two(Bytes(64), Bytes(256));
        assert!(pow.holds(&Bytes(128)) && !pow.holds(&Bytes(192)) && !pow.holds(&Bytes(512)));
        assert!(zero_or(4u32, 8).holds(&0) && !zero_or(4u32, 8).holds(&3));
    }
}
