//! The tile's native fields: one fixed table with fixed numbers, what each shows, and what has to
//! be told to the screen when that changes. Pure; which state shows what is `tile.rs`.

/// The fields, in the order in which they stand on the tile. Their numbers are told to Windows
/// once and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Field {
    /// The picture, also in the list of sign-in options.
    Picture,
    /// The name in the list of sign-in options.
    Label,
    /// The heading.
    Title,
    /// The line below: what to do, what happens.
    Text,
    /// What the first field is for.
    FirstCaption,
    /// The first field, readable.
    FirstText,
    /// The first field, hidden.
    FirstSecret,
    /// What the second field is for.
    SecondCaption,
    /// The second field, readable.
    SecondText,
    /// The second field, hidden.
    SecondSecret,
    /// The button.
    Continue,
    /// A page's first choice.
    FirstChoice,
    /// A page's second choice.
    SecondChoice,
    /// The link that opens the app.
    Open,
    /// "First day?", on the tile of "Other user".
    FirstDay,
    /// "Use the simple form".
    SimpleForm,
    /// "Cancel".
    Cancel,
    /// Whom to ask.
    Help,
}

/// What Windows draws for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A picture.
    Image,
    /// A line.
    SmallText,
    /// A heading.
    LargeText,
    /// A readable field.
    EditText,
    /// A hidden field.
    PasswordText,
    /// The button.
    SubmitButton,
    /// A link.
    CommandLink,
}

/// How many there are.
pub const COUNT: usize = 18;

/// The table.
pub const FIELDS: [(Field, Kind); COUNT] = [
    (Field::Picture, Kind::Image),
    (Field::Label, Kind::SmallText),
    (Field::Title, Kind::LargeText),
    (Field::Text, Kind::SmallText),
    (Field::FirstCaption, Kind::SmallText),
    (Field::FirstText, Kind::EditText),
    (Field::FirstSecret, Kind::PasswordText),
    (Field::SecondCaption, Kind::SmallText),
    (Field::SecondText, Kind::EditText),
    (Field::SecondSecret, Kind::PasswordText),
    (Field::Continue, Kind::SubmitButton),
    (Field::FirstChoice, Kind::CommandLink),
    (Field::SecondChoice, Kind::CommandLink),
    (Field::Open, Kind::CommandLink),
    (Field::FirstDay, Kind::CommandLink),
    (Field::SimpleForm, Kind::CommandLink),
    (Field::Cancel, Kind::CommandLink),
    (Field::Help, Kind::SmallText),
];

impl Field {
    /// The field of this number.
    pub fn from_number(number: u32) -> Option<(Self, Kind)> {
        FIELDS.get(usize::try_from(number).ok()?).copied()
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Which of a page's two fields it is, and whether the hidden one.
    pub fn slot(self) -> Option<(usize, bool)> {
        match self {
            Self::FirstText => Some((0, false)),
            Self::FirstSecret => Some((0, true)),
            Self::SecondText => Some((1, false)),
            Self::SecondSecret => Some((1, true)),
            Self::Picture
            | Self::Label
            | Self::Title
            | Self::Text
            | Self::FirstCaption
            | Self::SecondCaption
            | Self::Continue
            | Self::FirstChoice
            | Self::SecondChoice
            | Self::Open
            | Self::FirstDay
            | Self::SimpleForm
            | Self::Cancel
            | Self::Help => None,
        }
    }
}

/// Where a field is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visible {
    /// Nowhere.
    #[default]
    Hidden,
    /// While the tile is chosen.
    Chosen,
    /// Always.
    Always,
}

/// How a field looks now. What a person typed is not among it: it is a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Where.
    pub visible: Visible,
    /// Typing goes there.
    pub has_focus: bool,
    /// Its words; of a field to type in, what stands there at first.
    pub text: String,
    /// The page that it belongs to: with another page what was typed is gone.
    pub page: u32,
}

/// How all fields look now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    shown: [Shown; COUNT],
    /// Beside which field the button stands.
    beside: u32,
}

/// One thing to tell the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Other words. In a field to type in they stand in place of what was typed.
    Text(Field, String),
    /// Seen elsewhere.
    Visible(Field, Visible),
    /// Typing goes there.
    Focus(Field),
    /// The button stands beside another field.
    Beside(u32),
}

impl Drawing {
    /// Nothing is seen; the button would stand beside the line of text.
    pub fn new() -> Self {
        Self { shown: Default::default(), beside: Field::Text.number() }
    }

    /// Shows a field.
    pub fn show(&mut self, field: Field, visible: Visible, text: &str) {
        if let Some(shown) = self.shown.get_mut(field as usize) {
            shown.visible = visible;
            text.clone_into(&mut shown.text);
        }
    }

    /// Shows a field to type in, with what stands there at first.
    pub fn ask(&mut self, field: Field, at_first: &str, page: u32, has_focus: bool) {
        self.show(field, Visible::Chosen, at_first);
        if let Some(shown) = self.shown.get_mut(field as usize) {
            shown.page = page;
            shown.has_focus = has_focus;
        }
        self.beside = field.number();
    }

    /// How a field looks.
    pub fn shown(&self, field: Field) -> &Shown {
        const NOTHING: &Shown =
            &Shown { visible: Visible::Hidden, has_focus: false, text: String::new(), page: 0 };
        self.shown.get(field as usize).unwrap_or(NOTHING)
    }

    /// Beside which field the button stands.
    pub fn beside(&self) -> u32 {
        self.beside
    }

    /// What to tell the screen so that it shows `next`: words before they are seen, and the
    /// focus last.
    pub fn changes_to(&self, next: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let pairs = || FIELDS.into_iter().zip(self.shown.iter().zip(&next.shown));
        for ((field, _), (old, new)) in pairs() {
            if old.text != new.text || old.page != new.page {
                changes.push(Change::Text(field, new.text.clone()));
            }
        }
        if self.beside != next.beside {
            changes.push(Change::Beside(next.beside));
        }
        for ((field, _), (old, new)) in pairs() {
            if old.visible != new.visible {
                changes.push(Change::Visible(field, new.visible));
            }
        }
        for ((field, _), (old, new)) in pairs() {
            if new.has_focus && (!old.has_focus || old.page != new.page) {
                changes.push(Change::Focus(field));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_table() {
        for (place, (field, kind)) in FIELDS.into_iter().enumerate() {
            let number = u32::try_from(place).unwrap();
            assert_eq!(field.number(), number);
            assert_eq!(Field::from_number(number), Some((field, kind)));
            let types = matches!(kind, Kind::EditText | Kind::PasswordText);
            assert_eq!(field.slot().is_some(), types);
        }
        assert_eq!(Field::from_number(18), None);
        assert_eq!(Field::from_number(u32::MAX), None);
    }

    #[test]
    fn only_what_changed_is_told_and_words_come_first() {
        let mut old = Drawing::new();
        old.show(Field::Title, Visible::Always, "Before");
        let mut new = Drawing::new();
        new.show(Field::Title, Visible::Always, "After");
        new.ask(Field::FirstSecret, "", 7, true);
        assert_eq!(
            old.changes_to(&new),
            [
                Change::Text(Field::Title, "After".into()),
                Change::Text(Field::FirstSecret, String::new()),
                Change::Beside(Field::FirstSecret.number()),
                Change::Visible(Field::FirstSecret, Visible::Chosen),
                Change::Focus(Field::FirstSecret),
            ]
        );
        assert_eq!(new.changes_to(&new), []);
    }

    #[test]
    fn another_page_empties_the_same_field() {
        let mut old = Drawing::new();
        old.ask(Field::FirstText, "", 1, true);
        let mut new = Drawing::new();
        new.ask(Field::FirstText, "", 2, true);
        assert_eq!(
            old.changes_to(&new),
            [Change::Text(Field::FirstText, String::new()), Change::Focus(Field::FirstText),]
        );
    }
}
