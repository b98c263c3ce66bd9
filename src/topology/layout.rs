//! Where everything stands in the picture.
//!
//! What is alike shares a box: a shader array has one, slices of L2 and channels of DRAM have one each as long as
//! there is room. The boxes stand in rows, from the dispatcher down to memory; words beside them say what they
//! are and what the links are. An arrow joins two boxes where links join any of their components. The engine,
//! which stands beside the rows, shares one line with all the boxes of a row.

use std::collections::{BTreeMap, BTreeSet};
use std::{iter, slice};

use gpu_model::topology::{Component, Kind};

use super::{Drawn, counted, describe};

/// Everything that is to be drawn, in order.
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) shapes: Vec<Shape>,
}

/// Something to draw. What is dashed has work in sparse modes only.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A box.
    Box { area: Area, fill: Fill, dashed: bool },
    /// A line.
    Line { from: Point, to: Point, dashed: bool },
    /// The head of an arrow; `way` is the unit vector in which it points.
    Head { tip: Point, way: Point, dashed: bool },
    /// Where one line branches off another.
    Branch { at: Point },
    /// A line of text; `at` is the middle of its height, and its middle or its left end.
    Text { at: Point, text: String, size: f64, bold: bool, centred: bool },
}

impl Shape {
    fn line(from: Point, to: Point) -> Self {
        Self::Line { from, to, dashed: false }
    }

    /// Text that begins at a point.
    fn text(at: Point, text: impl Into<String>, bold: bool) -> Self {
        Self::Text { at, text: text.into(), size: TEXT, bold, centred: false }
    }

    /// Text around a point.
    fn label(at: Point, text: impl Into<String>, size: f64, bold: bool) -> Self {
        Self::Text { at, text: text.into(), size, bold, centred: true }
    }
}

/// What a box is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Plain,
    Array,
    Cu,
    Cache,
    Engine,
    Memory,
}

/// Across and down.
pub(super) type Point = (i32, i32);

/// Where a box stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Area {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

const WIDTH: i32 = 1420;
const MARGIN: i32 = 32;
/// Right end of the rows of boxes.
const BOXES_END: i32 = 1020;
/// Left end of the words beside them.
const WORDS: i32 = 1052;
/// Boxes of a row, at the most.
const ACROSS: usize = 16;
const BETWEEN_BOXES: i32 = 6;
const BETWEEN_ROWS: i32 = 64;
/// Between L2 and memory, where the engine stands.
const ENGINE_GAP: i32 = 200;
/// From the engine's box to the rows above and below it.
const ENGINE_AWAY: i32 = 18;
const FIRST_ROW: i32 = 100;
const BAR_HEIGHT: i32 = 38;
const ARRAY_HEIGHT: i32 = 150;
const BOX_HEIGHT: i32 = 52;
/// From one line of text to the next.
const LINE: i32 = 18;
const TEXT: f64 = 13.0;
/// A compute unit has no text that would have to be smaller.
const SMALLEST: f64 = 9.0;
/// Space for a compute unit in a shader array, at the least.
const NARROWEST: i32 = 7;
/// Letters of a line of words.
const LETTERS: usize = 47;
/// Messages go down this far left of a box's middle, answers come up as far right of it.
const LANE: i32 = 7;
/// A box's line to the engine leaves this far left of its right end.
const ENGINE_LANE: i32 = 11;

/// A box and what is in it.
struct Group {
    components: Vec<Component>,
    area: Area,
}

/// Lays the machine out.
pub(super) fn layout(drawn: &Drawn) -> Layout {
    let groups = Groups::of(drawn);
    let mut shapes = Vec::new();
    let foot = groups.channels[0].area.bottom + 44;
    shapes.extend(heading(drawn));
    shapes.extend(arrows(drawn, &groups));
    shapes.extend(boxes(drawn, &groups));
    shapes.extend(words(drawn, &groups));
    shapes.extend(legend(foot));
    Layout { width: WIDTH, height: foot + 2 * LINE + MARGIN, shapes }
}

// Boxes --------------------------------------------------------------------------------------------------

/// Every box of the machine, by row.
struct Groups {
    dispatcher: Group,
    arrays: Vec<Group>,
    crossbar: Group,
    slices: Vec<Group>,
    channels: Vec<Group>,
    engine: Group,
}

impl Groups {
    fn of(drawn: &Drawn) -> Self {
        let bar = |top, components| Group {
            components,
            area: Area { left: MARGIN, top, right: BOXES_END, bottom: top + BAR_HEIGHT },
        };
        let dispatcher = bar(FIRST_ROW, vec![Component::Dispatcher]);
        let arrays = row(arrays(drawn), dispatcher.area.bottom + BETWEEN_ROWS, ARRAY_HEIGHT);
        let crossbars = vec![Component::RequestCrossbar, Component::ResponseCrossbar];
        let crossbar = bar(arrays[0].area.bottom + BETWEEN_ROWS, crossbars);
        let slices = row(slices(drawn), crossbar.area.bottom + BETWEEN_ROWS, BOX_HEIGHT);
        let channels = below(drawn, &slices, slices[0].area.bottom + ENGINE_GAP);
        let engine = Group {
            components: vec![Component::Engine],
            area: Area {
                left: WORDS - 12,
                top: slices[0].area.bottom + ENGINE_AWAY,
                right: WIDTH - MARGIN,
                bottom: channels[0].area.top - ENGINE_AWAY,
            },
        };
        Self { dispatcher, arrays, crossbar, slices, channels, engine }
    }

    fn all(&self) -> impl Iterator<Item = &Group> {
        iter::once(&self.dispatcher)
            .chain(&self.arrays)
            .chain(iter::once(&self.crossbar))
            .chain(&self.slices)
            .chain(&self.channels)
            .chain(iter::once(&self.engine))
    }
}

/// The compute units and L1 caches of each shader array.
fn arrays(drawn: &Drawn) -> Vec<Vec<Component>> {
    let mut arrays: BTreeMap<usize, Vec<Component>> = BTreeMap::new();
    for component in drawn.topology.components() {
        if let Some(array) = drawn.array(component) {
            arrays.entry(array).or_default().push(component);
        }
    }
    arrays.into_values().collect()
}

/// The slices, those of a channel beside each other.
fn slices(drawn: &Drawn) -> Vec<Vec<Component>> {
    let mut slices: Vec<Component> = drawn.of_kind(Kind::L2).collect();
    let channels: BTreeMap<Component, Component> = drawn
        .topology
        .links()
        .filter(|(from, to, _)| (from.kind(), to.kind()) == (Kind::L2, Kind::Controller))
        .map(|(from, to, _)| (from, to))
        .collect();
    slices.sort_by_key(|slice| channels.get(slice));
    slices.into_iter().map(|slice| vec![slice]).collect()
}

/// A row of boxes; where the things to show are too many, a box holds several.
fn row(things: Vec<Vec<Component>>, top: i32, height: i32) -> Vec<Group> {
    let boxes: Vec<Vec<Component>> =
        things.chunks(things.len().div_ceil(ACROSS)).map(|some| some.concat()).collect();
    let left = |i: usize| MARGIN + (BOXES_END + BETWEEN_BOXES - MARGIN) * i as i32 / boxes.len() as i32;
    let area =
        |i: usize| Area { left: left(i), top, right: left(i + 1) - BETWEEN_BOXES, bottom: top + height };
    let areas: Vec<Area> = (0..boxes.len()).map(area).collect();
    boxes.into_iter().zip(areas).map(|(components, area)| Group { components, area }).collect()
}

/// The DRAM channels, each below the slices that are linked to it.
fn below(drawn: &Drawn, slices: &[Group], top: i32) -> Vec<Group> {
    let mut boxes: BTreeMap<(i32, i32), Vec<Component>> = BTreeMap::new();
    for channel in drawn.of_kind(Kind::Controller) {
        let users: BTreeSet<Component> =
            drawn.topology.links().filter(|(_, to, _)| *to == channel).map(|(from, ..)| from).collect();
        let above = || slices.iter().filter(|group| group.components.iter().any(|c| users.contains(c)));
        let left = above().map(|group| group.area.left).min().unwrap_or(MARGIN);
        let right = above().map(|group| group.area.right).max().unwrap_or(BOXES_END);
        boxes.entry((left, right)).or_default().push(channel);
    }
    let area = |(left, right)| Area { left, top, right, bottom: top + BOX_HEIGHT };
    boxes.into_iter().map(|(sides, components)| Group { components, area: area(sides) }).collect()
}

/// The boxes, with what stands in them.
fn boxes(drawn: &Drawn, groups: &Groups) -> Vec<Shape> {
    let bar = |name: &str, kind: Kind| vec![format!("{name}: {}", drawn.facts(kind).join(", "))];
    let several = |name: &str, kind: Kind, fact: &str, group: &Group| {
        let count = group.components.len();
        let fact = if count == 1 { fact.to_owned() } else { format!("{count} x {fact}") };
        vec![numbered(name, kind, group), fact]
    };
    let size = &drawn.facts(Kind::L2)[0];
    let bandwidth = &drawn.facts(Kind::Controller)[1];
    let dispatcher = |_: &Group| bar("dispatcher", Kind::Dispatcher);
    let crossbar = |_: &Group| bar("crossbar", Kind::RequestCrossbar);
    let engine = Shape::Box { area: groups.engine.area, fill: Fill::Engine, dashed: true };
    [
        labelled(slice::from_ref(&groups.dispatcher), Fill::Plain, dispatcher),
        shader_arrays(&groups.arrays),
        labelled(slice::from_ref(&groups.crossbar), Fill::Plain, crossbar),
        labelled(&groups.slices, Fill::Cache, |group| several("L2", Kind::L2, size, group)),
        labelled(&groups.channels, Fill::Memory, |group| several("DRAM", Kind::Controller, bandwidth, group)),
        vec![engine],
    ]
    .concat()
}

/// A row of boxes, each with lines of text in its middle, the first of them bold.
fn labelled(row: &[Group], fill: Fill, label: impl Fn(&Group) -> Vec<String>) -> Vec<Shape> {
    let labels: Vec<Vec<String>> = row.iter().map(label).collect();
    let size = fitting(row.iter().zip(&labels).flat_map(|(group, lines)| {
        lines.iter().enumerate().map(|(i, line)| (line.as_str(), i == 0, group.area.width()))
    }));
    let mut shapes = Vec::new();
    for (group, lines) in row.iter().zip(labels) {
        let (x, y) = group.area.middle();
        let first = y - LINE * (lines.len() as i32 - 1) / 2;
        shapes.push(Shape::Box { area: group.area, fill, dashed: false });
        for (i, text) in lines.into_iter().enumerate() {
            let at = (x, first + LINE * i as i32);
            shapes.push(Shape::label(at, text, size, i == 0));
        }
    }
    shapes
}

/// The shader arrays: each compute unit above its L1 cache, as long as there is room to show them.
fn shader_arrays(arrays: &[Group]) -> Vec<Shape> {
    let names: Vec<String> = arrays.iter().map(|array| numbered("CU", Kind::Cu, array)).collect();
    let width = arrays[0].area.width();
    let size = fitting(names.iter().map(|name| (name.as_str(), false, width)));
    let mut shapes = Vec::new();
    for (array, text) in arrays.iter().zip(names) {
        let (x, y) = array.area.middle();
        shapes.push(Shape::Box { area: array.area, fill: Fill::Array, dashed: false });
        shapes.push(Shape::label((x, array.area.top + 16), text, size, false));
        let cus = array.components.iter().filter(|component| component.kind() == Kind::Cu).count() as i32;
        let pitch = (width - 6) / cus;
        if pitch < NARROWEST {
            let text = format!("{cus} + L1");
            let size = fitting([(text.as_str(), false, width)]);
            shapes.push(Shape::label((x, y), text, size, false));
        } else {
            let first = x - pitch * (cus - 1) / 2;
            shapes.extend((0..cus).flat_map(|i| compute_unit(array.area, first + i * pitch, pitch)));
        }
    }
    shapes
}

/// A compute unit and its L1 cache, in the middle of `pitch` at `x`.
fn compute_unit(array: Area, x: i32, pitch: i32) -> Vec<Shape> {
    let half = (pitch - 3).min(40) / 2;
    let (upper, lower, height) = (array.top + 34, array.bottom - 52, 44);
    let mut shapes = vec![Shape::line((x, upper + height), (x, lower))];
    for (top, fill, text) in [(upper, Fill::Cu, "CU"), (lower, Fill::Cache, "L1")] {
        let area = Area { left: x - half, top, right: x + half, bottom: top + height };
        shapes.push(Shape::Box { area, fill, dashed: false });
        let size = fitting([(text, false, area.width() - 4)]);
        if size > SMALLEST {
            shapes.push(Shape::label(area.middle(), text, size, false));
        }
    }
    shapes
}

/// "L2 0-3", say: the name and the numbers of those of a kind.
fn numbered(name: &str, kind: Kind, group: &Group) -> String {
    let of_kind = group.components.iter().filter(|component| component.kind() == kind);
    let numbers: Vec<usize> = of_kind.filter_map(|component| component.number()).collect();
    match numbers[..] {
        [first] => format!("{name} {first}"),
        [first, .., last] if last - first + 1 == numbers.len() => format!("{name} {first}-{last}"),
        [first, .., last] => format!("{name} {first}..{last}"),
        [] => name.into(),
    }
}

// Links --------------------------------------------------------------------------------------------------

/// An arrow wherever links lead from one box to another.
fn arrows(drawn: &Drawn, groups: &Groups) -> Vec<Shape> {
    let of: BTreeMap<Component, Area> = groups
        .all()
        .flat_map(|group| group.components.iter().map(|&component| (component, group.area)))
        .collect();
    let joined: BTreeSet<(Area, Area)> =
        drawn.topology.links().map(|(from, to, _)| (of[&from], of[&to])).filter(|(a, b)| a != b).collect();
    let engine = groups.engine.area;
    let mut shapes = Vec::new();
    for &(from, to) in joined.iter().filter(|(from, to)| *from != engine && *to != engine) {
        shapes.extend(arrow(from, to));
    }
    for (row, y) in [(&groups.slices, engine.top + LINE), (&groups.channels, engine.bottom - LINE)] {
        let ends = row.iter().map(|group| End {
            area: group.area,
            sends: joined.contains(&(group.area, engine)),
            receives: joined.contains(&(engine, group.area)),
        });
        shapes.extend(common_line(&ends.collect::<Vec<_>>(), engine, y));
    }
    shapes
}

/// An arrow from one row to another: down on the left, up on the right of the middle that both share.
fn arrow(from: Area, to: Area) -> [Shape; 2] {
    let middle = (from.left.max(to.left) + from.right.min(to.right)) / 2;
    let (x, start, end, way) = if from.bottom < to.top {
        (middle - LANE, from.bottom, to.top, (0, 1))
    } else {
        (middle + LANE, from.top, to.bottom, (0, -1))
    };
    [Shape::line((x, start), (x, end)), Shape::Head { tip: (x, end), way, dashed: false }]
}

/// A box on the engine's line.
struct End {
    area: Area,
    sends: bool,
    receives: bool,
}

/// The line at height `y` that the boxes of a row share to the engine.
fn common_line(ends: &[End], engine: Area, y: i32) -> Vec<Shape> {
    let dashed = true;
    let mut shapes = Vec::new();
    let linked = || ends.iter().filter(|end| end.sends || end.receives);
    let x = |end: &End| end.area.right - ENGINE_LANE;
    let Some(first) = linked().map(x).min() else { return shapes };
    shapes.push(Shape::Line { from: (first, y), to: (engine.left, y), dashed });
    for end in linked() {
        let (from, way) =
            if end.area.bottom < y { (end.area.bottom, (0, -1)) } else { (end.area.top, (0, 1)) };
        shapes.push(Shape::Line { from: (x(end), from), to: (x(end), y), dashed });
        shapes.push(Shape::Branch { at: (x(end), y) });
        if end.receives {
            shapes.push(Shape::Head { tip: (x(end), from), way, dashed });
        }
    }
    if linked().any(|end| end.sends) {
        shapes.push(Shape::Head { tip: (engine.left, y), way: (1, 0), dashed });
    }
    shapes
}

// Words --------------------------------------------------------------------------------------------------

/// What the picture shows.
fn heading(drawn: &Drawn) -> [Shape; 2] {
    let (components, links) = (drawn.topology.components().count(), drawn.topology.links().count());
    let below = format!("{components} components and {links} links, as they are wired in the simulator");
    let line = |y, text, size, bold| Shape::Text { at: (MARGIN, y), text, size, bold, centred: false };
    [line(36, drawn.title(), 24.0, true), line(64, below, 15.0, false)]
}

/// How it is to be read.
fn legend(top: i32) -> [Shape; 2] {
    let line = |line: i32, text: &str| Shape::text((MARGIN, top + line * LINE), text, false);
    [
        line(
            0,
            "An arrow stands for all links from one box to the other. Cycles: from sending a message to its \
             arrival. Holds: messages that one link has room for, those under way included.",
        ),
        line(1, "Dashed: has work in sparse modes only. Crossing lines are joined where there is a dot."),
    ]
}

/// What stands beside the rows and between them, and in the engine's box.
fn words(drawn: &Drawn, groups: &Groups) -> Vec<Shape> {
    use Kind::{Controller, Cu, Dispatcher, Engine, L1, L2, RequestCrossbar, ResponseCrossbar};
    let Groups { dispatcher, arrays, crossbar, slices, channels, engine } = groups;
    let crossbars = [RequestCrossbar, ResponseCrossbar];
    let count = |kind, noun| counted(drawn.of_kind(kind).count(), noun);
    let facts = |kind| drawn.facts(kind).join(", ");
    let compute = [
        wrapped(&format!("compute unit (upper): {}", facts(Cu))),
        wrapped(&format!("L1 cache (lower): {}", facts(L1))),
        links(drawn, &[Cu], &[L1]),
    ];
    let compaction =
        [vec!["has work in sparse modes only".into()], drawn.facts(Engine), links(drawn, &[L2], &[Engine])];
    let memory =
        [wrapped(&format!("channel: {}", facts(Controller))), links(drawn, &[L2, Engine], &[Controller])];
    [
        between(dispatcher, links(drawn, &[Dispatcher], &[Cu])),
        block(
            arrays[0].area.top,
            &format!("{} in {}", count(Cu, "compute unit"), counted(drawn.arrays(), "shader array")),
            compute.concat(),
        ),
        between(&arrays[0], links(drawn, &[L1], &crossbars)),
        between(crossbar, links(drawn, &crossbars, &[L2])),
        block(
            slices[0].area.top,
            &format!("{} of L2", count(L2, "slice")),
            wrapped(&format!("slice: {}", facts(L2))),
        ),
        block(engine.area.top + 10, "compaction engine", compaction.concat()),
        block(channels[0].area.top, &format!("{} of DRAM", count(Controller, "channel")), memory.concat()),
    ]
    .concat()
}

/// Lines of text below a bold one.
fn block(top: i32, first: &str, lines: Vec<String>) -> Vec<Shape> {
    let at = |i: usize| (WORDS, top + LINE / 2 + LINE * i as i32);
    let first = Shape::text(at(0), first, true);
    let lines = lines.into_iter().enumerate().map(|(i, line)| Shape::text(at(i + 1), line, false));
    iter::once(first).chain(lines).collect()
}

/// Lines of text beside what is between a row and the next.
fn between(row: &Group, lines: Vec<String>) -> Vec<Shape> {
    let first = row.area.bottom + BETWEEN_ROWS / 2 - LINE * (lines.len() as i32 - 1) / 2;
    let at = |i: usize| (WORDS, first + LINE * i as i32);
    lines.into_iter().enumerate().map(|(i, line)| Shape::text(at(i), line, false)).collect()
}

/// The links between two rows, a line for those that are alike.
fn links(drawn: &Drawn, upper: &[Kind], lower: &[Kind]) -> Vec<String> {
    let mut lines = Vec::new();
    for (from, to, wire) in drawn.topology.links() {
        let leads =
            |from: &[Kind], to: &[Kind], ends: (Kind, Kind)| from.contains(&ends.0) && to.contains(&ends.1);
        let ends = (from.kind(), to.kind());
        let arrow = if leads(upper, lower, ends) {
            '\u{2193}'
        } else if leads(lower, upper, ends) {
            '\u{2191}'
        } else {
            continue;
        };
        let line = format!("{arrow} {}", describe(wire));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The size at which each text fits into its width; with each is whether it is bold.
fn fitting<'a>(texts: impl IntoIterator<Item = (&'a str, bool, i32)>) -> f64 {
    let size = |(text, bold, width): (&str, bool, i32)| f64::from(width - 4) / text_width(text, bold);
    texts.into_iter().map(size).fold(TEXT, f64::min)
}

/// About how wide a text of size 1 is; fonts in common use hardly need more.
fn text_width(text: &str, bold: bool) -> f64 {
    let letter = if bold { 0.7 } else { 0.6 };
    text.chars().count() as f64 * letter
}

/// In lines that fit beside the boxes, broken after commas.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split(", ") {
        match lines.last_mut() {
            Some(line) if line.len() + part.len() + 3 <= LETTERS => {
                line.push_str(", ");
                line.push_str(part);
            }
            Some(line) => {
                line.push(',');
                lines.push(part.into());
            }
            None => lines.push(part.into()),
        }
    }
    lines
}

impl Area {
    fn width(self) -> i32 {
        self.right - self.left
    }

    fn middle(self) -> Point {
        ((self.left + self.right) / 2, (self.top + self.bottom) / 2)
    }
}

#[cfg(test)]
mod tests {
    use gpu_model::params::Machine;

    use super::*;

    fn drawn(cus: u32, per_array: u32, slices: u32, channels: u32) -> Drawn {
        let mut machine = Machine::default();
        machine.gpu.compute_units = cus;
        machine.gpu.cus_per_array = per_array;
        machine.gpu.l2.slices = slices;
        machine.gpu.dram.channels = channels;
        Drawn::new(machine).unwrap()
    }

    /// Boxes, heads of arrows, heads of dashed arrows.
    fn counts(layout: &Layout) -> [usize; 3] {
        let count = |is: fn(&Shape) -> bool| layout.shapes.iter().filter(|shape| is(shape)).count();
        [
            count(|shape| matches!(shape, Shape::Box { .. })),
            count(|shape| matches!(shape, Shape::Head { dashed: false, .. })),
            count(|shape| matches!(shape, Shape::Head { dashed: true, .. })),
        ]
    }

    #[test]
    fn everything_has_its_box_and_its_arrows() {
        // Nine shader arrays, eight slices and eight channels; arrows both ways, and two from slices and channels
        // to the engine.
        let mi6 = layout(&drawn(36, 4, 8, 8));
        assert_eq!(counts(&mi6), [4 - 1 + 9 + 2 * 36 + 8 + 8, 2 * (9 + 9 + 8 + 8), 8 + 8 + 2]);
        // Four slices share a channel.
        let shared = layout(&drawn(8, 4, 16, 4));
        assert_eq!(counts(&shared), [4 - 1 + 2 + 2 * 8 + 16 + 4, 2 * (2 + 2 + 16 + 16), 16 + 4 + 2]);
        // So many that a box stands for several.
        let many = layout(&drawn(1024, 1, 64, 64));
        assert_eq!(counts(&many), [4 - 1 + 16 + 16 + 16, 2 * 4 * 16, 16 + 16 + 2]);
    }

    #[test]
    fn no_text_overlaps_another_or_leaves_the_page() {
        let machines = [
            (36, 4, 8, 8),
            (64, 4, 16, 16),
            (1024, 1, 64, 16),
            (1, 1, 1, 1),
            (10, 8, 16, 2),
            (100, 64, 64, 64),
        ];
        for (cus, per_array, slices, channels) in machines {
            let layout = layout(&drawn(cus, per_array, slices, channels));
            let texts: Vec<(Area, &str)> = layout.shapes.iter().filter_map(extent).collect();
            for (i, (area, text)) in texts.iter().enumerate() {
                let is_inside = area.left >= 0 && area.right <= layout.width && area.bottom <= layout.height;
                assert!(is_inside, "{text}: {area:?}");
                for (other, with) in &texts[i + 1..] {
                    assert!(!overlap(*area, *other), "{text} and {with}");
                }
            }
        }
    }

    /// The extent of a text, in a wide font.
    fn extent(shape: &Shape) -> Option<(Area, &str)> {
        let Shape::Text { at, text, size, bold, centred } = shape else { return None };
        let letter = if *bold { 0.68 } else { 0.55 };
        let (width, height) = ((text.chars().count() as f64 * letter * size) as i32, *size as i32);
        let left = if *centred { at.0 - width / 2 } else { at.0 };
        let top = at.1 - height / 2;
        Some((Area { left, top, right: left + width, bottom: top + height }, text))
    }

    fn overlap(a: Area, b: Area) -> bool {
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
    }

    #[test]
    fn words_break_after_commas() {
        assert_eq!(wrapped("one, two"), ["one, two"]);
        let long = "a".repeat(LETTERS - 6);
        assert_eq!(wrapped(&format!("{long}, two, three")), [format!("{long}, two,"), "three".into()]);
    }
}
