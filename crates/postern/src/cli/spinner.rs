//! A quiet sign that something is under way: on a terminal only, gone without a trace when dropped.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

use super::screen::Look;

/// Slow enough not to draw the eye.
const TICK: Duration = Duration::from_millis(120);

pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    /// Draws on standard error, whose look this is.
    pub(crate) fn start(look: Look, message: &str) -> Self {
        if look.width.is_none() {
            return Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()));
        }
        let ticks = if look.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "-\\|/ " };
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .expect("the template is well formed")
            .tick_chars(ticks);
        let bar = ProgressBar::new_spinner().with_style(style).with_message(message.to_owned());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
