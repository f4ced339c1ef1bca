//! One page of the simple form, and how it fits the tile: a title, one text, at most two fields
//! and two choices, each no longer than its place. What is too long is cut and says so.

use protocol::{
    api::Act,
    host::{
        Few, Text,
        tile::{self, View},
    },
};

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) title: String,
    /// Lines, the most important one first.
    pub(super) text: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// At most two, the one of the Enter key first.
    pub(super) choices: Vec<Choice>,
}

/// What to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) label: String,
    pub(super) kind: Kind,
}

/// How a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Can be read, with this in it at first.
    Plain(String),
    /// Can be read; nothing ever stands in it at first.
    Code,
    /// Covered.
    Password,
}

/// What to press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) words: String,
    pub(super) press: Press,
}

/// What pressing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Press {
    /// Hands in the user ID.
    UserId,
    /// Hands in the code.
    Code,
    /// Hands in a new password, typed twice.
    NewPassword,
    /// Takes the present and a new password, to ask for the new one again.
    ChangePassword,
    /// Hands both in, the new one typed twice.
    ChangeAgain,
    /// Uses a method.
    Method(String),
    /// Sends the code again.
    SendAgain,
    /// Chooses what to do.
    Act(Act),
    /// Goes back a page of the service's.
    Back,
    /// Does what the plain words of a later service lead on with.
    Cancel,
    /// Tries to reach the service again.
    Retry,
    /// Begins again from the user ID.
    StartAgain,
    /// Somebody is there.
    StillThere,
    /// Another page of our own.
    Open(Over),
    /// Nothing more to do: the run is over.
    Finish,
}

/// What is drawn in place of what the service's view says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The further ways, from this one on.
    More(usize),
    /// The user ID, to mend it.
    UserId,
    /// What to look at when the password is known.
    Tips,
    /// The new password once more, for a change.
    Again,
    /// Is anybody there?
    StillThere,
}

impl Choice {
    pub(super) fn new(words: String, press: Press) -> Self {
        Self { words, press }
    }
}

impl Field {
    pub(super) fn password(label: String) -> Self {
        Self { label, kind: Kind::Password }
    }
}

impl Page {
    /// As the tile draws it.
    pub(super) fn view(&self, number: u32) -> View {
        let lines: Vec<&str> =
            self.text.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        let fields = self.fields.iter().take(2).map(|Field { label, kind }| tile::Field {
            label: fit(label),
            covered: *kind == Kind::Password,
            typed: match kind {
                // Cut, it would be another one: whoever has such a name types it.
                Kind::Plain(typed) => Text::new(typed.as_str()).unwrap_or_default(),
                Kind::Code | Kind::Password => Text::default(),
            },
        });
        let choices = self.choices.iter().take(2).map(|choice| fit(&choice.words));
        View {
            number,
            title: fit(&self.title),
            text: fit(&lines.join("\n")),
            fields: Few::new(fields.collect()).unwrap_or_default(),
            choices: Few::new(choices.collect()).unwrap_or_default(),
        }
    }
}

/// As much as there is room for.
pub(super) fn fit<const N: usize>(text: &str) -> Text<N> {
    const CUT: char = '…';
    let plain = Text::<N>::cut(text);
    let allowed = text.chars().filter(|c| *c == '\n' || !c.is_control());
    if plain.as_str().len() == allowed.map(char::len_utf8).sum::<usize>() {
        return plain;
    }
    let room = N.saturating_sub(CUT.len_utf8());
    let mut cut = String::with_capacity(N);
    for c in plain.as_str().chars() {
        if cut.len() + c.len_utf8() > room {
            break;
        }
        cut.push(c);
    }
    cut.push(CUT);
    Text::cut(&cut)
}

/// Two of them, or one of them and the way to the next ones; `from` counts the ways before it.
pub(super) fn two_of(all: Vec<Choice>, from: usize, more: String) -> Vec<Choice> {
    if all.len() <= 2 {
        return all;
    }
    let shown = from % all.len();
    let next = Press::Open(Over::More((shown + 1) % all.len()));
    all.into_iter().nth(shown).into_iter().chain([Choice::new(more, next)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(fit::<8>("genau 8!").as_str(), "genau 8!");
        assert_eq!(fit::<8>("a little more").as_str(), "a lit…");
        assert_eq!(fit::<8>("ääääää").as_str(), "ää…");
        assert_eq!(fit::<8>("a\tb\r\nc").as_str(), "ab\nc");
        assert_eq!(fit::<2>("abc").as_str(), "");
    }

    #[test]
    fn every_way_comes_in_turn() {
        let way = |name: &str| Choice::new(name.to_owned(), Press::Method(name.to_owned()));
        let all = || vec![way("a"), way("b"), way("c")];
        let mut from = 0;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let shown = two_of(all(), from, "more".to_owned());
            assert_eq!(shown.len(), 2);
            seen.push(shown[0].words.clone());
            let Press::Open(Over::More(next)) = shown[1].press else { panic!("no more ways") };
            from = next;
        }
        assert_eq!(seen, ["a", "b", "c", "a"]);
        assert_eq!(two_of(all()[..2].to_vec(), 5, "more".to_owned()), all()[..2]);
    }
}
