//! What the demo says on the terminal: plain sentences, colour only where it is a terminal.

use std::io::{IsTerminal as _, Write as _};

/// Says one line. A closed terminal is no reason to stop.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A heading.
pub(super) fn say_heading(line: &str) {
    if std::io::stdout().is_terminal() {
        say(&format!("\n\u{1b}[1m{line}\u{1b}[0m"));
    } else {
        say(&format!("\n{line}"));
    }
}
