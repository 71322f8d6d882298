//! How the lab looks: colours for people who see colours differently, spacing and type, in dark and in light.

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontData, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Theme, Visuals,
};

use crate::config::{AttackKind, TargetKind};
use crate::platform;
use crate::show::palette::{self, Ground, Rgb, Role};

/// Colours by role, for one of the two themes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// What colours lie on.
    pub ground: Ground,
    /// Behind the panes.
    pub window: Color32,
    /// A pane's background.
    pub card: Color32,
    /// A pane's outline, and what separates one thing from another.
    pub line: Color32,
    /// What a bar runs along, and what is switched off.
    pub rail: Color32,
    /// A box inside a pane.
    pub raised: Color32,
    /// Text.
    pub text: Color32,
    /// Text that matters less.
    pub weak: Color32,
    /// The main network, and what is forward.
    pub main: Color32,
    /// The auxiliary network, and all that it says.
    pub auxiliary: Color32,
    /// What flows back from the auxiliary network: −α∇.
    pub adversary: Color32,
    /// Right, done.
    pub good: Color32,
    /// Wrong, failed.
    pub bad: Color32,
    /// The one thing to press next.
    pub accent: Color32,
}

/// The two colours that somebody's system asks for in place of the lab's own, where it asks for more contrast (CSS Color
/// Adjust: forced colours). What is measured keeps its colours, as pictures do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contrast {
    /// Behind all.
    pub paper: Rgb,
    /// Text, and all outlines.
    pub ink: Rgb,
}

impl Contrast {
    fn id() -> egui::Id {
        egui::Id::unique("contrast")
    }

    /// Has `ctx` draw with these two from now on.
    pub fn install(self, ctx: &egui::Context) {
        ctx.data_mut(|data| data.insert_temp(Self::id(), self));
        for theme in [Theme::Dark, Theme::Light] {
            ctx.style_mut_of(theme, |style| style.visuals = visuals(&Palette::with(self)));
        }
    }
}

impl Palette {
    /// The palette of the theme that `ctx` shows.
    pub fn of(ctx: &egui::Context) -> Self {
        match (ctx.data(|data| data.get_temp(Contrast::id())), ctx.theme()) {
            (Some(contrast), _) => Self::with(contrast),
            (None, Theme::Dark) => Self::on(Ground::Dark),
            (None, Theme::Light) => Self::on(Ground::Light),
        }
    }

    /// The palette of two colours, and those of what is measured that can be told from them.
    fn with(Contrast { paper, ink }: Contrast) -> Self {
        let brightness = |Rgb(red, green, blue)| [red, green, blue].map(u32::from).iter().sum::<u32>();
        let is_dark = brightness(paper) < brightness(ink);
        let [paper, ink] = [paper, ink].map(color);
        let usual = Self::on(if is_dark { Ground::Dark } else { Ground::Light });
        let rail = paper.lerp_to_gamma(ink, 0.3);
        Self { window: paper, card: paper, raised: paper, line: ink, rail, text: ink, weak: ink, ..usual }
    }

    /// The palette of a theme: what all faces share, and what only a window has.
    fn on(ground: Ground) -> Self {
        let [window, line, raised, accent] = match ground {
            Ground::Dark => [Rgb(13, 16, 20), Rgb(44, 50, 60), Rgb(33, 38, 46), Rgb(34, 124, 190)],
            Ground::Light | Ground::Print | Ground::Page => {
                [Rgb(232, 235, 240), Rgb(211, 216, 224), Rgb(241, 244, 248), Rgb(0, 114, 178)]
            }
        }
        .map(color);
        let of = |role| color(palette::colour(role, ground));
        Self {
            ground,
            window,
            card: color(ground.paper()),
            line,
            rail: line,
            raised,
            text: color(ground.ink()),
            weak: of(Role::Reference),
            main: of(Role::Main),
            auxiliary: of(Role::Auxiliary),
            adversary: of(Role::Adversary),
            good: of(Role::Good),
            bad: of(Role::Bad),
            accent,
        }
    }

    /// The colour of a role.
    pub fn role(&self, role: Role) -> Color32 {
        color(palette::colour(role, self.ground))
    }

    /// A class's colour; they repeat after ten, where names have to help.
    pub fn class(&self, class: usize) -> Color32 {
        self.role(Role::Class(class))
    }

    /// An attack's colour: strongest untargeted, paler with a target.
    pub fn attack(&self, attack: AttackKind, target: TargetKind) -> Color32 {
        self.role(Role::Attack(attack, target, 0))
    }

    /// From a pane's ground (0) to `color` (1).
    pub fn shade(&self, color: Color32, strength: f32) -> Color32 {
        self.card.lerp_to_gamma(color, strength.clamp(0.0, 1.0))
    }

    /// From blue (−1) over the ground (0) to orange (1): for signed pictures.
    pub fn diverging(&self, value: f32) -> Color32 {
        color(palette::diverging(value, self.ground))
    }
}

/// A colour as egui has it.
const fn color(Rgb(red, green, blue): Rgb) -> Color32 {
    Color32::from_rgb(red, green, blue)
}

/// Small type: axes, chips, tables.
pub fn small() -> FontId {
    FontId::proportional(11.0)
}

/// The smallest type there is.
pub fn tiny() -> FontId {
    FontId::proportional(10.0)
}

/// Height of what a pointer can hit.
const POINTER: f32 = 20.0;

/// The name of the system's font, the last that is asked for a character.
const SYSTEMS: &str = "system";

/// Whether there is a font for every character of `text`; to be asked while a frame is drawn, when there are fonts.
pub fn can_draw(ctx: &egui::Context, text: &str) -> bool {
    text.is_ascii() || ctx.fonts_mut(|fonts| fonts.has_glyphs(&tiny(), text))
}

/// Gives `ctx` both themes; it follows the system's until somebody chooses.
pub fn install(ctx: &egui::Context) {
    let mut fonts = egui::FontDefinitions::default();
    // Hack has ∇, ‖ and the arrows, which Ubuntu lacks.
    fonts.families.entry(FontFamily::Proportional).or_default().push("Hack".into());
    // Names and paths may have characters that none of these has.
    if let Some(bytes) = platform::system_font() {
        fonts.font_data.insert(SYSTEMS.into(), Arc::new(FontData::from_owned(bytes)));
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.entry(family).or_default().push(SYSTEMS.into());
        }
    }
    ctx.set_fonts(fonts);
    for (theme, ground) in [(Theme::Dark, Ground::Dark), (Theme::Light, Ground::Light)] {
        let mut style = Arc::unwrap_or_clone(ctx.style_of(theme));
        dress(&mut style, &Palette::on(ground));
        ctx.set_style_of(theme, style);
    }
}

/// Height of what a thumb can hit (WCAG 2.5.5).
const THUMB: f32 = 44.0;

/// Whether what is drawn is for thumbs.
pub fn is_touch(ui: &egui::Ui) -> bool {
    ui.spacing().interact_size.y >= THUMB
}

/// Makes all that can be touched large enough for a thumb, or for a pointer.
pub fn fit(ctx: &egui::Context, is_touch: bool) {
    ctx.all_styles_mut(|style| {
        let spacing = &mut style.spacing;
        spacing.interact_size.y = if is_touch { THUMB } else { POINTER };
        spacing.button_padding = if is_touch { egui::vec2(12.0, 4.0) } else { egui::vec2(8.0, 3.0) };
        spacing.icon_width = if is_touch { 22.0 } else { 14.0 };
        spacing.icon_width_inner = if is_touch { 13.0 } else { 8.0 };
    });
}

/// Puts the palette, the type and the spacing into a style.
fn dress(style: &mut egui::Style, palette: &Palette) {
    style.text_styles = [
        (TextStyle::Small, tiny()),
        (TextStyle::Body, FontId::proportional(12.5)),
        (TextStyle::Button, FontId::proportional(12.5)),
        (TextStyle::Heading, FontId::proportional(14.0)),
        (TextStyle::Monospace, FontId::monospace(11.5)),
    ]
    .into();
    style.spacing.item_spacing = egui::vec2(6.0, 4.0);
    style.spacing.button_padding = egui::vec2(8.0, 3.0);
    style.spacing.interact_size.y = POINTER;
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(10);
    style.spacing.slider_rail_height = 4.0;
    style.spacing.scroll = egui::style::ScrollStyle::thin();
    style.interaction.tooltip_delay = 0.25;
    style.interaction.selectable_labels = false;
    style.visuals = visuals(palette);
}

fn visuals(palette: &Palette) -> Visuals {
    let is_dark = palette.ground == Ground::Dark;
    let mut visuals = if is_dark { Visuals::dark() } else { Visuals::light() };
    let radius = CornerRadius::same(5);
    visuals.panel_fill = palette.window;
    visuals.window_fill = palette.card;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(6);
    let shadow = Shadow { offset: [0, 4], blur: 14, spread: 0, color: Color32::from_black_alpha(70) };
    (visuals.window_shadow, visuals.popup_shadow) = (shadow, shadow);
    visuals.extreme_bg_color = if is_dark { Color32::from_rgb(17, 20, 25) } else { palette.raised };
    visuals.faint_bg_color = palette.raised;
    visuals.weak_text_color = Some(palette.weak);
    visuals.warn_fg_color = palette.auxiliary;
    visuals.error_fg_color = palette.bad;
    visuals.hyperlink_color = palette.main;
    visuals.selection.bg_fill = palette.card.lerp_to_gamma(palette.accent, 0.55);
    visuals.selection.stroke = Stroke::new(1.0, palette.text);
    visuals.slider_trailing_fill = true;
    visuals.striped = false;
    visuals.indent_has_left_vline = false;
    let hovered = palette.raised.lerp_to_gamma(palette.text, 0.10);
    let pressed = palette.raised.lerp_to_gamma(palette.text, 0.18);
    let widgets = &mut visuals.widgets;
    for (widget, fill, outline) in [
        (&mut widgets.noninteractive, palette.card, palette.line),
        (&mut widgets.inactive, palette.raised, palette.line),
        (&mut widgets.hovered, hovered, palette.weak),
        (&mut widgets.active, pressed, palette.weak),
        (&mut widgets.open, hovered, palette.line),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, outline);
        widget.fg_stroke = Stroke::new(1.0, palette.text);
        widget.corner_radius = radius;
        widget.expansion = 0.0;
    }
    // The handle of a slider has to stand out from its rail.
    widgets.inactive.bg_fill = palette.card.lerp_to_gamma(palette.text, 0.28);
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.1).
    fn luminance(color: Color32) -> f32 {
        let rgb = egui::Rgba::from(color);
        0.2126 * rgb.r() + 0.7152 * rgb.g() + 0.0722 * rgb.b()
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (high, low) = (luminance(a).max(luminance(b)), luminance(a).min(luminance(b)));
        (high + 0.05) / (low + 0.05)
    }

    #[test]
    fn more_contrast_is_that_of_the_system() {
        let ctx = egui::Context::default();
        install(&ctx);
        let (yellow, black) = (Rgb(255, 255, 0), Rgb(0, 0, 0));
        for (paper, ink, ground) in [(black, yellow, Ground::Dark), (yellow, black, Ground::Light)] {
            Contrast { paper, ink }.install(&ctx);
            let palette = Palette::of(&ctx);
            assert_eq!((palette.card, palette.text, palette.ground), (color(paper), color(ink), ground));
            assert_eq!(ctx.style_of(ctx.theme()).visuals.window_stroke.color, color(ink));
            for role in [palette.main, palette.auxiliary, palette.adversary, palette.good, palette.bad] {
                assert!(contrast(role, palette.card) > 3.0, "{role:?} on {paper:?}");
            }
        }
    }

    #[test]
    fn text_can_be_read_and_lines_can_be_seen() {
        for palette in [Ground::Dark, Ground::Light].map(Palette::on) {
            for ground in [palette.window, palette.card, palette.raised] {
                // WCAG AA: 4.5 for text, 3 for graphics and large text.
                assert!(contrast(palette.text, ground) > 7.0);
                assert!(contrast(palette.weak, ground) > 4.5, "{ground:?}");
                for role in [palette.main, palette.auxiliary, palette.adversary, palette.good, palette.bad] {
                    assert!(contrast(role, ground) > 3.0, "{role:?} on {ground:?}");
                }
            }
            assert!(contrast(Color32::WHITE, palette.accent) > 4.0);
        }
    }
}
