//! The few icons of the lab, drawn: sharp at any scale, in any colour, and in no need of a font.

use egui::{Color32, Pos2, Rect, Response, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::draw::theme;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Train.
    Run,
    /// Stop training.
    Pause,
    /// One step.
    Step,
    /// Start anew.
    Reset,
    /// Go on twice from here.
    Fork,
    /// Change between the dark and the light theme.
    Theme,
    /// The sheet of shortcuts.
    Help,
    /// Make a pane fill the window.
    Enlarge,
    /// Put it back.
    Restore,
    /// More actions.
    More,
    /// Runs that were kept.
    Runs,
    /// Back in time.
    Past,
    /// Close, dismiss.
    Close,
}

impl Icon {
    /// Draws the icon inside `rect`, which should be square.
    pub fn paint(self, painter: &egui::Painter, rect: Rect, color: Color32) {
        let pen = Pen { painter, rect, color };
        match self {
            Self::Run => pen.fill(&[(0.2, 0.08), (0.95, 0.5), (0.2, 0.92)]),
            Self::Pause => {
                pen.bar((0.18, 0.1), (0.4, 0.9));
                pen.bar((0.6, 0.1), (0.82, 0.9));
            }
            Self::Step => {
                pen.fill(&[(0.1, 0.12), (0.68, 0.5), (0.1, 0.88)]);
                pen.bar((0.74, 0.12), (0.92, 0.88));
            }
            Self::Reset => pen.reset(),
            Self::Fork => pen.fork(),
            Self::Theme => pen.theme(),
            Self::Help => {
                painter.circle_stroke(rect.center(), rect.width() * 0.46, pen.stroke());
                pen.line(&[
                    (0.38, 0.42),
                    (0.4, 0.32),
                    (0.5, 0.27),
                    (0.6, 0.33),
                    (0.6, 0.43),
                    (0.5, 0.51),
                    (0.5, 0.6),
                ]);
                painter.circle_filled(pen.at((0.5, 0.73)), 1.0, color);
            }
            Self::Enlarge => {
                pen.line(&[(0.12, 0.4), (0.12, 0.12), (0.4, 0.12)]);
                pen.line(&[(0.6, 0.88), (0.88, 0.88), (0.88, 0.6)]);
                pen.line(&[(0.12, 0.12), (0.4, 0.4)]);
                pen.line(&[(0.88, 0.88), (0.6, 0.6)]);
            }
            Self::Restore => {
                pen.line(&[(0.1, 0.32), (0.68, 0.32), (0.68, 0.9), (0.1, 0.9), (0.1, 0.32)]);
                pen.line(&[(0.34, 0.1), (0.9, 0.1), (0.9, 0.66)]);
            }
            Self::More => {
                for x in [0.15, 0.5, 0.85] {
                    painter.circle_filled(pen.at((x, 0.5)), 1.4, color);
                }
            }
            Self::Runs => {
                for (y, width) in [(0.15, 0.95), (0.5, 0.7), (0.85, 0.82)] {
                    painter.circle_filled(pen.at((0.08, y)), 1.2, color);
                    pen.line(&[(0.28, y), (width, y)]);
                }
            }
            Self::Past => pen.past(),
            Self::Close => {
                pen.line(&[(0.18, 0.18), (0.82, 0.82)]);
                pen.line(&[(0.82, 0.18), (0.18, 0.82)]);
            }
        }
    }
}

/// Draws in the unit square, stretched over `rect`.
struct Pen<'a> {
    painter: &'a egui::Painter,
    rect: Rect,
    color: Color32,
}

impl Pen<'_> {
    fn at(&self, (x, y): (f32, f32)) -> Pos2 {
        self.rect.lerp_inside(vec2(x, y))
    }

    fn stroke(&self) -> Stroke {
        Stroke::new(1.5, self.color)
    }

    fn line(&self, points: &[(f32, f32)]) {
        self.painter.add(Shape::line(points.iter().map(|point| self.at(*point)).collect(), self.stroke()));
    }

    fn fill(&self, points: &[(f32, f32)]) {
        let points = points.iter().map(|point| self.at(*point)).collect();
        self.painter.add(Shape::convex_polygon(points, self.color, Stroke::NONE));
    }

    fn bar(&self, from: (f32, f32), to: (f32, f32)) {
        self.painter.rect_filled(Rect::from_min_max(self.at(from), self.at(to)), 1.0, self.color);
    }

    /// A way that parts in two, a dot at each end.
    fn fork(&self) {
        self.line(&[(0.14, 0.5), (0.42, 0.5), (0.6, 0.2), (0.86, 0.2)]);
        self.line(&[(0.42, 0.5), (0.6, 0.8), (0.86, 0.8)]);
        for end in [(0.14, 0.5), (0.86, 0.2), (0.86, 0.8)] {
            self.painter.circle_filled(self.at(end), 1.8, self.color);
        }
    }

    /// Most of a circle, with an arrow's head where it starts.
    fn reset(&self) {
        let arc: Vec<_> = (0..=20).map(|i| turn(self.rect, 0.38, 0.15 + 0.78 * i as f32 / 20.0)).collect();
        let start = arc[0];
        self.painter.add(Shape::line(arc, self.stroke()));
        let size = self.rect.width() * 0.2;
        let head = [vec2(-1.0, -0.2), vec2(1.0, -1.0), vec2(0.7, 1.0)].map(|corner| start + size * corner);
        self.painter.add(Shape::convex_polygon(head.to_vec(), self.color, Stroke::NONE));
    }

    /// A clock whose rim is an arrow back.
    fn past(&self) {
        let arc: Vec<_> = (0..=20).map(|i| turn(self.rect, 0.42, -0.42 + 0.8 * i as f32 / 20.0)).collect();
        let start = arc[0];
        self.painter.add(Shape::line(arc, self.stroke()));
        let size = self.rect.width() * 0.2;
        let head = [vec2(-1.1, 0.5), vec2(0.9, 0.9), vec2(0.4, -1.0)].map(|corner| start + size * corner);
        self.painter.add(Shape::convex_polygon(head.to_vec(), self.color, Stroke::NONE));
        self.line(&[(0.5, 0.27), (0.5, 0.52), (0.68, 0.62)]);
    }

    /// A disc, half of it filled.
    fn theme(&self) {
        self.painter.circle_stroke(self.rect.center(), self.rect.width() * 0.44, self.stroke());
        let half = (0..=16).map(|i| turn(self.rect, 0.44, -0.25 + 0.5 * i as f32 / 16.0)).collect();
        self.painter.add(Shape::convex_polygon(half, self.color, Stroke::NONE));
    }
}

/// The point at `turns` of a full turn, clockwise from the right, `radius` widths from the middle of `rect`.
fn turn(rect: Rect, radius: f32, turns: f32) -> Pos2 {
    let angle = turns * std::f32::consts::TAU;
    let centre = rect.center();
    pos2(centre.x + radius * rect.width() * angle.cos(), centre.y + radius * rect.width() * angle.sin())
}

/// A button with an icon and, unless it is empty, a text; `name` is what a screen reader says.
pub fn button(ui: &mut Ui, icon: Icon, text: &str, name: &str, fill: Option<Color32>) -> Response {
    let icon_side = 12.0;
    let padding = ui.spacing().button_padding;
    let font = egui::TextStyle::Button.resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(text.into(), font, Color32::PLACEHOLDER);
    let least = if theme::is_touch(ui) { ui.spacing().interact_size.y } else { 0.0 };
    let gap = if text.is_empty() { 0.0 } else { 6.0 + galley.size().x };
    let height = match theme::is_touch(ui) {
        true => ui.spacing().interact_size.y,
        false => ui.spacing().interact_size.y.max(galley.size().y) + 2.0 * padding.y,
    };
    let (rect, response) =
        ui.allocate_exact_size(vec2((icon_side + gap + 2.0 * padding.x).max(least), height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, ui.is_enabled(), name));
    let visuals = ui.style().interact(&response);
    let (ground, color) = match fill {
        Some(fill) if ui.is_enabled() => {
            let hover = if response.hovered() { 0.18 } else { 0.0 };
            (fill.lerp_to_gamma(Color32::WHITE, hover), Color32::WHITE)
        }
        _ => (visuals.weak_bg_fill, visuals.text_color()),
    };
    ui.painter().rect(rect, visuals.corner_radius, ground, visuals.bg_stroke, egui::StrokeKind::Inside);
    let icon_rect = Rect::from_center_size(
        pos2(
            if text.is_empty() { rect.center().x } else { rect.left() + padding.x + icon_side / 2.0 },
            rect.center().y,
        ),
        Vec2::splat(icon_side),
    );
    icon.paint(ui.painter(), icon_rect, color);
    let text_at = pos2(icon_rect.right() + 6.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(text_at, galley, color);
    response
}

/// A small icon without a frame, for a pane's title.
pub fn quiet_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    let side = if theme::is_touch(ui) { ui.spacing().interact_size.y } else { 18.0 };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, ui.is_enabled(), name));
    let color = if response.hovered() { ui.visuals().text_color() } else { ui.visuals().weak_text_color() };
    let drawn = if theme::is_touch(ui) { 15.0 } else { 11.0 };
    icon.paint(ui.painter(), Rect::from_center_size(rect.center(), Vec2::splat(drawn)), color);
    response.on_hover_text(name)
}
