//! What the event logs of the agent and of the host have in common: a table of events (number,
//! name, level, words, cause and cure), how docs/events.md shows it, and how an event reads in
//! Windows' own log. Pure, so that it is the same on every system.
//!
//! It must not decide which events there are: the tables are their crates'.

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something happened as it should.
    Information,
    /// It goes on, but somebody should look.
    Warning,
    /// Somebody must do something.
    Error,
}

impl Level {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Never changes.
    pub number: u16,
    /// Never changes.
    pub name: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What happened, in one sentence.
    pub text: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What mends it.
    pub cure: &'static str,
}

/// Makes the type `Event` of a table: `Variant = number, "Name", Level, "text", "cause", "cure";`
/// each.
#[macro_export]
macro_rules! events {
    ($($name:ident = $number:literal, $label:literal, $level:ident,
        $text:literal, $cause:literal, $cure:literal;)*) => {
        /// What can be in the event log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event {
            $(#[doc = $text] $name,)*
        }

        impl Event {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its line of the table.
            pub const fn row(self) -> $crate::events::Row {
                match self {
                    $(Self::$name => $crate::events::Row {
                        number: $number,
                        name: $label,
                        level: $crate::events::Level::$level,
                        text: $text,
                        cause: $cause,
                        cure: $cure,
                    },)*
                }
            }

            /// Its number, which never changes.
            pub const fn number(self) -> u16 {
                self.row().number
            }

            /// Its name, which never changes.
            pub const fn name(self) -> &'static str {
                self.row().name
            }

            /// How much it matters.
            pub const fn level(self) -> $crate::events::Level {
                self.row().level
            }

            /// What happened, in one sentence.
            pub const fn text(self) -> &'static str {
                self.row().text
            }

            /// What mends it.
            pub const fn cure(self) -> &'static str {
                self.row().cure
            }
        }
    };
}

/// A table as docs/events.md has it.
pub fn markdown(rows: impl Iterator<Item = Row>) -> String {
    let mut lines = vec![
        "| number | name | level | what happened | cause | cure |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(rows.map(|row| {
        let Row { number, name, level, text, cause, cure } = row;
        format!("| {number} | {name} | {} | {text} | {cause} | {cure} |", level.as_str())
    }));
    lines.join("\n")
}

/// An event as it stands in Windows' log, whole: what happened, its facts, why it happens and
/// what mends it, so that nobody needs another page.
pub fn whole<'a, 'b>(row: Row, details: impl Iterator<Item = (&'a str, &'b str)>) -> String {
    let mut text = format!("{}: {}\r\n", row.name, row.text);
    for (name, value) in details {
        text.push_str(&format!("\r\n{name}: {value}"));
    }
    text.push_str(&format!("\r\n\r\nCause: {}\r\nCure: {}", row.cause, row.cure));
    text
}

/// A fact as it may stand in a log: one line, and not a long one.
pub fn clean(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAPPENED: Row = Row {
        number: 7,
        name: "Happened",
        level: Level::Warning,
        text: "It happened.",
        cause: "A cause.",
        cure: "A cure.",
    };

    #[test]
    fn an_event_reads_whole_and_a_fact_is_one_line() {
        let fact = clean("a\r\nb");
        let whole = whole(HAPPENED, [("fact", fact.as_str())].into_iter());
        assert_eq!(
            whole,
            "Happened: It happened.\r\n\r\nfact: a  b\r\n\r\nCause: A cause.\r\nCure: A cure."
        );
        assert_eq!(clean(&"x".repeat(5_000)).len(), 1_000);
        let table = markdown([HAPPENED].into_iter());
        assert!(table.ends_with("| 7 | Happened | warning | It happened. | A cause. | A cure. |"));
    }
}
