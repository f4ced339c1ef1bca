//! What xtask says: plain sentences, with how long things took; colour only on a terminal.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Says one line. A closed terminal is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A heading.
pub(crate) fn say_heading(line: &str) {
    if std::io::stdout().is_terminal() {
        say(&format!("\n\u{1b}[1m{line}\u{1b}[0m"));
    } else {
        say(&format!("\n{line}"));
    }
}

/// Asks a question that yes or no answers. `None` where nobody can answer.
pub(crate) fn ask(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return None;
    }
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{question} [Y/n] ");
    let _ = out.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Measures how long something takes.
pub(crate) struct Watch(Instant);

impl Watch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "xtask tells people how long things take")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since then.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The time since then, in words.
    pub(crate) fn words(&self) -> String {
        words(self.elapsed())
    }
}

/// A time in words: seconds under two minutes, minutes above.
pub(crate) fn words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}
