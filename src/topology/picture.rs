//! The picture of a layout, as SVG.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::layout::{Area, Fill, Layout, Point, Shape};
use crate::failure::Failure;

const INK: RGBColor = RGBColor(70, 84, 104);
/// Of what has work in sparse modes only.
const SPARSE_INK: RGBColor = RGBColor(190, 98, 0);
/// Lengths of a dash and of the gap behind it.
const DASH: (i32, i32) = (5, 4);

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawing = Result<(), Box<dyn std::error::Error>>;

/// The picture.
pub(super) fn svg(layout: &Layout) -> Result<String, Failure> {
    let mut text = String::new();
    paint(layout, &mut text).map_err(|error| Failure::Failed(format!("cannot draw the machine: {error}")))?;
    Ok(text)
}

fn paint(layout: &Layout, text: &mut String) -> Drawing {
    let size = (layout.width as u32, layout.height as u32);
    let canvas = SVGBackend::with_string(text, size).into_drawing_area();
    canvas.fill(&WHITE)?;
    for shape in &layout.shapes {
        match shape {
            Shape::Box { area, fill, dashed } => draw_box(&canvas, *area, *fill, *dashed)?,
            Shape::Line { from, to, dashed } => draw_line(&canvas, *from, *to, *dashed)?,
            Shape::Head { tip, way, dashed } => draw_head(&canvas, *tip, *way, *dashed)?,
            Shape::Branch { at } => canvas.draw(&Circle::new(*at, 3, SPARSE_INK.filled()))?,
            Shape::Text { at, text, size, bold, centred } => {
                let style = if *bold { FontStyle::Bold } else { FontStyle::Normal };
                // The backend takes a size as that of the whole line, 1.24 times the font's.
                let font = ("sans-serif", 1.24 * size, style).into_font();
                let across = if *centred { HPos::Center } else { HPos::Left };
                let style = TextStyle::from(font).color(&BLACK).pos(Pos::new(across, VPos::Center));
                canvas.draw(&Text::new(text.as_str(), *at, style))?;
            }
        }
    }
    canvas.present()?;
    Ok(())
}

fn draw_box(canvas: &Canvas<'_>, area: Area, fill: Fill, dashed: bool) -> Drawing {
    let colour = match fill {
        Fill::Plain => RGBColor(235, 238, 242),
        Fill::Array => RGBColor(240, 245, 252),
        Fill::Cu => RGBColor(190, 212, 240),
        Fill::Cache => RGBColor(208, 232, 212),
        Fill::Engine => RGBColor(254, 241, 222),
        Fill::Memory => RGBColor(232, 222, 243),
    };
    let Area { left, top, right, bottom } = area;
    canvas.draw(&Rectangle::new([(left, top), (right, bottom)], colour.filled()))?;
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    for side in corners.windows(2) {
        draw_line(canvas, side[0], side[1], dashed)?;
    }
    Ok(())
}

fn draw_line(canvas: &Canvas<'_>, from: Point, to: Point, dashed: bool) -> Drawing {
    if !dashed {
        canvas.draw(&PathElement::new([from, to], INK))?;
        return Ok(());
    }
    let (across, down) = (to.0 - from.0, to.1 - from.1);
    let length = across.abs().max(down.abs());
    let at = |far: i32| (from.0 + across.signum() * far, from.1 + down.signum() * far);
    for start in (0..length).step_by((DASH.0 + DASH.1) as usize) {
        canvas.draw(&PathElement::new([at(start), at((start + DASH.0).min(length))], SPARSE_INK))?;
    }
    Ok(())
}

fn draw_head(canvas: &Canvas<'_>, tip: Point, way: Point, dashed: bool) -> Drawing {
    let ink = if dashed { SPARSE_INK } else { INK };
    let base = (tip.0 - 8 * way.0, tip.1 - 8 * way.1);
    let side = |by: i32| (base.0 + by * way.1, base.1 + by * way.0);
    canvas.draw(&Polygon::new([tip, side(4), side(-4)], ink.filled()))?;
    Ok(())
}
