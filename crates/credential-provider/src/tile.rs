//! One tile: its states, what brings it from one to another, and which fields it shows in each.
//! Pure: the screen's calls and the host's messages come in as values, and what is to be done
//! goes out as a value.
//!
//! Long: one state machine with the tests of its promises.

use protocol::host::{
    Few, SecretText,
    tile::{Answer, Form, Outcome, Tell, Tile as Look, View, Way},
};

use crate::{
    fields::{Drawing, Field, Visible},
    users::Owner,
    words::Words,
};

/// Tells the flows of a process apart, so that a late message of an earlier one changes nothing.
pub type Flow = u32;

/// A tile.
pub struct Tile {
    owner: Owner,
    state: State,
    typed: [Option<SecretText<768>>; 2],
    /// Rises with every page drawn, whatever number the host gives it: fields are emptied by it.
    page: u32,
}

enum State {
    /// Waits for the person.
    Idle,
    /// The host was asked, and may have said what happens.
    Opening { flow: Flow, form: Form, status: Option<String> },
    /// A page of the simple form.
    Page { flow: Flow, view: View },
    /// The page was answered; the next one is not there yet.
    Answered { flow: Flow, title: String },
    /// It is over. Something else can be begun.
    Ended { words: String },
}

/// What is to be done.
pub enum Effect {
    /// Ask the host to begin. Flows of other tiles end.
    Start {
        /// Its number.
        flow: Flow,
        /// Which link.
        way: Way,
        /// How it is drawn.
        form: Form,
    },
    /// Hand the host what was typed.
    Answer {
        /// In which flow.
        flow: Flow,
        /// The answer.
        answer: Answer,
    },
    /// Tell the host that the person wants out.
    Cancel {
        /// Of which flow.
        flow: Flow,
    },
}

/// A field's content could not be taken: no text, or longer than any answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTaken;

impl Tile {
    /// A tile at rest.
    pub fn new(owner: Owner) -> Self {
        Self { owner, state: State::Idle, typed: [None, None], page: 0 }
    }

    /// Whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The flow that runs.
    pub fn flow(&self) -> Option<Flow> {
        match &self.state {
            State::Opening { flow, .. }
            | State::Page { flow, .. }
            | State::Answered { flow, .. } => Some(*flow),
            State::Idle | State::Ended { .. } => None,
        }
    }

    /// The button or the Enter key. `next` is the number for a flow that it may begin.
    pub fn press(&mut self, next: Flow) -> Option<Effect> {
        match self.state {
            State::Idle | State::Ended { .. } => self.start(next, Way::CannotSignIn, Form::Full),
            State::Page { .. } => self.answer(0),
            State::Opening { .. } | State::Answered { .. } => None,
        }
    }

    /// A link.
    pub fn follow(&mut self, link: Field, next: Flow) -> Option<Effect> {
        match link {
            Field::Open if self.flow().is_none() => self.start(next, Way::CannotSignIn, Form::Full),
            Field::FirstDay if self.flow().is_none() => self.start(next, Way::FirstDay, Form::Full),
            // Also while the app opens, or is in front with a blank window: nobody is left there.
            Field::SimpleForm => match self.state {
                State::Idle | State::Ended { .. } | State::Opening { form: Form::Full, .. } => {
                    self.start(next, Way::CannotSignIn, Form::Simple)
                }
                State::Opening { form: Form::Simple, .. }
                | State::Page { .. }
                | State::Answered { .. } => None,
            },
            Field::FirstChoice => self.answer(0),
            Field::SecondChoice => self.answer(1),
            Field::Cancel => {
                let flow = self.flow()?;
                self.rest();
                Some(Effect::Cancel { flow })
            }
            // Links that cannot be followed now, and what is no link.
            Field::Open
            | Field::FirstDay
            | Field::Picture
            | Field::Label
            | Field::Title
            | Field::Text
            | Field::FirstCaption
            | Field::FirstText
            | Field::FirstSecret
            | Field::SecondCaption
            | Field::SecondText
            | Field::SecondSecret
            | Field::Continue
            | Field::Help => None,
        }
    }

    /// The person typed into a field.
    ///
    /// # Errors
    /// When it cannot be taken; what was there before is forgotten.
    pub fn type_in(&mut self, field: Field, text: &[u16]) -> Result<(), NotTaken> {
        let (slot, _) = field.slot().ok_or(NotTaken)?;
        let place = self.typed.get_mut(slot).ok_or(NotTaken)?;
        *place = SecretText::from_utf16(text);
        if place.is_some() { Ok(()) } else { Err(NotTaken) }
    }

    /// The host said something in a flow.
    pub fn hear(&mut self, from: Flow, tell: Tell) {
        if self.flow() != Some(from) {
            return;
        }
        match tell {
            Tell::Status(words) => {
                if let State::Opening { status, .. } = &mut self.state {
                    *status = Some(words.as_str().to_owned());
                }
            }
            Tell::View(view) => self.show(from, view),
            Tell::Refused { words } => self.end(words.as_str()),
            Tell::End { outcome: Outcome::Cancelled, words, .. } if words.as_str().is_empty() => {
                self.rest();
            }
            Tell::End { words, .. } => self.end(words.as_str()),
            // These are no part of a flow's drawing: whoever holds the channel takes them.
            Tell::Tile(_)
            | Tell::NotHere(_)
            | Tell::Grant(_)
            | Tell::NoGrant
            | Tell::Foreground { .. } => {}
        }
    }

    /// The host is gone in the middle; `words` say so.
    pub fn lose(&mut self, from: Flow, words: &str) {
        if self.flow() == Some(from) {
            self.end(words);
        }
    }

    /// Another tile began something, or this one is let go: what ran here is over.
    pub fn rest(&mut self) {
        self.state = State::Idle;
        self.forget();
    }

    /// It is over, with these words.
    pub fn end(&mut self, words: &str) {
        self.state = State::Ended { words: words.to_owned() };
        self.forget();
    }

    fn start(&mut self, flow: Flow, way: Way, form: Form) -> Option<Effect> {
        self.state = State::Opening { flow, form, status: None };
        self.forget();
        Some(Effect::Start { flow, way, form })
    }

    fn show(&mut self, flow: Flow, view: View) {
        self.forget();
        // What the app wrote into a field counts as typed until the person changes it.
        for (place, field) in self.typed.iter_mut().zip(view.fields.as_slice()) {
            let at_first: Vec<u16> = field.typed.as_str().encode_utf16().collect();
            *place = SecretText::from_utf16(&at_first);
        }
        self.page = self.page.wrapping_add(1);
        self.state = State::Page { flow, view };
    }

    fn answer(&mut self, choice: u8) -> Option<Effect> {
        let State::Page { flow, view } = &self.state else {
            return None;
        };
        let (flow, number, title) = (*flow, view.number, view.title.as_str().to_owned());
        if usize::from(choice) >= view.choices.as_slice().len() {
            return None;
        }
        let fields = view.fields.as_slice().len();
        let nothing = || SecretText::from_utf16(&[]);
        let typed = self.typed.iter_mut().take(fields);
        let typed: Option<Vec<_>> = typed.map(|text| text.take().or_else(nothing)).collect();
        let answer = Answer { number, choice, typed: Few::new(typed?)? };
        self.state = State::Answered { flow, title };
        Some(Effect::Answer { flow, answer })
    }

    fn forget(&mut self) {
        self.typed = [None, None];
    }
}

impl Tile {
    /// Its fields as they are to be seen. What was typed is not among it.
    pub fn draw(&self, look: &Look, words: &Words) -> Drawing {
        let mut drawing = Drawing::new();
        drawing.show(Field::Picture, Visible::Always, words.picture);
        // Seen in the list of sign-in options alone, which asks for its words whatever it is.
        drawing.show(Field::Label, Visible::Hidden, look.label.as_str());
        let heading = match &self.state {
            State::Page { view, .. } => view.title.as_str(),
            State::Answered { title, .. } => title,
            State::Idle | State::Opening { .. } | State::Ended { .. } => look.label.as_str(),
        };
        drawing.show(Field::Title, Visible::Always, heading);
        match &self.state {
            State::Idle => self.draw_beginnings(&mut drawing, look, words.invitation),
            State::Ended { words } => {
                let words = if words.is_empty() { look.failed.as_str() } else { words };
                self.draw_beginnings(&mut drawing, look, words);
            }
            State::Opening { form, status, .. } => {
                let words = match (status, form) {
                    (Some(status), _) => status,
                    (None, Form::Full) => look.opening.as_str(),
                    (None, Form::Simple) => words.moment,
                };
                drawing.show(Field::Text, Visible::Chosen, words);
                if *form == Form::Full {
                    drawing.show(Field::SimpleForm, Visible::Chosen, look.simple.as_str());
                }
                drawing.show(Field::Cancel, Visible::Chosen, look.cancel.as_str());
            }
            State::Page { view, .. } => self.draw_page(&mut drawing, view, look),
            State::Answered { .. } => {
                drawing.show(Field::Text, Visible::Chosen, words.moment);
                drawing.show(Field::Cancel, Visible::Chosen, look.cancel.as_str());
            }
        }
        drawing
    }

    /// What can be begun.
    fn draw_beginnings(&self, drawing: &mut Drawing, look: &Look, text: &str) {
        drawing.show(Field::Text, Visible::Chosen, text);
        drawing.show(Field::Open, Visible::Chosen, look.open.as_str());
        if self.owner == Owner::Other && look.offer_first_day {
            drawing.show(Field::FirstDay, Visible::Chosen, look.first_day.as_str());
        }
        drawing.show(Field::SimpleForm, Visible::Chosen, look.simple.as_str());
        if !look.help.as_str().is_empty() {
            drawing.show(Field::Help, Visible::Chosen, look.help.as_str());
        }
    }

    fn draw_page(&self, drawing: &mut Drawing, view: &View, look: &Look) {
        const PLACES: [(Field, Field, Field); 2] = [
            (Field::FirstCaption, Field::FirstText, Field::FirstSecret),
            (Field::SecondCaption, Field::SecondText, Field::SecondSecret),
        ];
        drawing.show(Field::Text, Visible::Chosen, view.text.as_str());
        let fields = view.fields.as_slice();
        for (index, (field, (caption, text, secret))) in fields.iter().zip(PLACES).enumerate() {
            drawing.show(caption, Visible::Chosen, field.label.as_str());
            let place = if field.covered { secret } else { text };
            let at_first = if field.covered { "" } else { field.typed.as_str() };
            drawing.ask(place, at_first, self.page, index == 0);
        }
        let choices = view.choices.as_slice();
        // The Enter key is the first choice. The button cannot say more than "Continue", so a
        // choice with words of its own is a link as well.
        if !choices.is_empty() && !fields.is_empty() {
            drawing.show(Field::Continue, Visible::Chosen, "");
        }
        for (place, choice) in [Field::FirstChoice, Field::SecondChoice].into_iter().zip(choices) {
            let is_the_button = place == Field::FirstChoice
                && !fields.is_empty()
                && choice.as_str() == look.go_on.as_str();
            if !is_the_button {
                drawing.show(place, Visible::Chosen, choice.as_str());
            }
        }
        drawing.show(Field::Cancel, Visible::Chosen, look.cancel.as_str());
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use protocol::host::{Text, tile};

    use super::*;
    use crate::words;

    fn look() -> Look {
        Look {
            label: Text::cut("Can't access your account?"),
            open: Text::cut("Get help"),
            first_day: Text::cut("First day?"),
            simple: Text::cut("Use the simple form"),
            go_on: Text::cut("Continue"),
            cancel: Text::cut("Cancel"),
            opening: Text::cut("Opening. This takes about 5 seconds."),
            failed: Text::cut("Not available."),
            help: Text::cut("Call 1234."),
            picture: None,
            other_user: true,
            offer_first_day: true,
        }
    }

    fn page(fields: &[(&str, bool)], choices: &[&str]) -> View {
        let field = |(label, covered): &(&str, bool)| tile::Field {
            label: Text::cut(label),
            covered: *covered,
            typed: Text::cut(""),
        };
        View {
            number: 3,
            title: Text::cut("Enter the code"),
            text: Text::cut("We sent it."),
            fields: Few::new(fields.iter().map(field).collect()).unwrap(),
            choices: Few::new(choices.iter().map(|words| Text::cut(words)).collect()).unwrap(),
        }
    }

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    fn seen(tile: &Tile) -> Vec<(Field, String)> {
        let drawing = tile.draw(&look(), words::of(0));
        let fields = crate::fields::FIELDS.into_iter().map(|(field, _)| field);
        fields
            .filter(|field| drawing.shown(*field).visible != Visible::Hidden)
            .map(|field| (field, drawing.shown(field).text.clone()))
            .collect()
    }

    fn text_of(tile: &Tile) -> String {
        tile.draw(&look(), words::of(0)).shown(Field::Text).text.clone()
    }

    fn sees(tile: &Tile, field: Field) -> bool {
        seen(tile).iter().any(|(seen, _)| *seen == field)
    }

    fn ended(outcome: Outcome, words: &str) -> Tell {
        Tell::End { outcome, words: Text::cut(words), grant: false }
    }

    #[test]
    fn a_press_says_at_once_that_it_opens_and_how_to_get_away() {
        let mut tile = Tile::new(Owner::Other);
        let Some(Effect::Start { flow: 1, way: Way::CannotSignIn, form: Form::Full }) =
            tile.follow(Field::Open, 1)
        else {
            panic!("nothing begins");
        };
        assert_eq!(text_of(&tile), "Opening. This takes about 5 seconds.");
        assert!(sees(&tile, Field::Cancel) && sees(&tile, Field::SimpleForm));
        assert!(!sees(&tile, Field::Open));
        tile.hear(1, Tell::Status(Text::cut("In front.")));
        assert_eq!(text_of(&tile), "In front.");
        let Some(Effect::Cancel { flow: 1 }) = tile.follow(Field::Cancel, 2) else {
            panic!("no way out");
        };
        assert!(sees(&tile, Field::Open));
    }

    #[test]
    fn the_simple_form_is_offered_at_rest_while_opening_and_after_a_failure() {
        let mut tile = Tile::new(Owner::Other);
        assert!(sees(&tile, Field::SimpleForm));
        tile.press(1);
        assert!(sees(&tile, Field::SimpleForm));
        let Some(Effect::Start { flow: 2, form: Form::Simple, .. }) =
            tile.follow(Field::SimpleForm, 2)
        else {
            panic!("no form");
        };
        tile.lose(2, "Not available.");
        assert!(sees(&tile, Field::SimpleForm) && sees(&tile, Field::Help));
        assert_eq!(text_of(&tile), "Not available.");
    }

    #[test]
    fn the_first_day_is_for_other_users_alone() {
        let listed = Tile::new(Owner::User("S-1-5-21-1".into()));
        assert!(!sees(&listed, Field::FirstDay));
        let mut other = Tile::new(Owner::Other);
        assert!(sees(&other, Field::FirstDay));
        let Some(Effect::Start { way: Way::FirstDay, form: Form::Full, .. }) =
            other.follow(Field::FirstDay, 1)
        else {
            panic!("nothing begins");
        };
    }

    #[test]
    fn a_page_is_drawn_in_native_fields_and_answered() {
        let mut tile = Tile::new(Owner::Other);
        tile.follow(Field::SimpleForm, 1);
        tile.hear(1, Tell::View(page(&[("Code", false), ("New", true)], &["Continue", "Resend"])));
        let fields: Vec<_> = seen(&tile).into_iter().map(|(field, _)| field).collect();
        assert_eq!(
            fields,
            [
                Field::Picture,
                Field::Title,
                Field::Text,
                Field::FirstCaption,
                Field::FirstText,
                Field::SecondCaption,
                Field::SecondSecret,
                Field::Continue,
                Field::SecondChoice,
                Field::Cancel,
            ]
        );
        tile.type_in(Field::FirstText, &utf16("123456")).unwrap();
        tile.type_in(Field::SecondSecret, &utf16("grün")).unwrap();
        let Some(Effect::Answer { flow: 1, answer }) = tile.press(2) else {
            panic!("no answer");
        };
        assert_eq!((answer.number, answer.choice), (3, 0));
        let typed: Vec<_> = answer.typed.as_slice().iter().map(SecretText::expose).collect();
        assert_eq!(typed, ["123456", "grün"]);
        assert_eq!(text_of(&tile), "One moment.");
        // It left the tile with the answer.
        assert!(tile.typed.iter().all(Option::is_none));
        assert!(tile.press(3).is_none());
    }

    #[test]
    fn a_choice_with_words_of_its_own_is_a_link_beside_the_button() {
        let mut tile = Tile::new(Owner::Other);
        tile.follow(Field::SimpleForm, 1);
        tile.hear(1, Tell::View(page(&[("Code", false)], &["Check the code"])));
        assert!(sees(&tile, Field::Continue) && sees(&tile, Field::FirstChoice));
        tile.hear(1, Tell::View(page(&[], &["Unlock", "New password"])));
        assert!(!sees(&tile, Field::Continue));
        let Some(Effect::Answer { answer, .. }) = tile.follow(Field::SecondChoice, 2) else {
            panic!("no answer");
        };
        assert_eq!((answer.choice, answer.typed.as_slice().len()), (1, 0));
    }

    #[test]
    fn a_page_without_choices_can_only_be_waited_out_or_cancelled() {
        let mut tile = Tile::new(Owner::Other);
        tile.follow(Field::SimpleForm, 1);
        tile.hear(1, Tell::View(page(&[], &[])));
        assert!(tile.press(2).is_none());
        assert!(tile.follow(Field::FirstChoice, 2).is_none());
        assert!(matches!(tile.follow(Field::Cancel, 2), Some(Effect::Cancel { flow: 1 })));
    }

    #[test]
    fn messages_of_an_earlier_flow_change_nothing() {
        let mut tile = Tile::new(Owner::Other);
        tile.press(1);
        tile.follow(Field::Cancel, 2);
        tile.press(2);
        tile.hear(1, ended(Outcome::Failed, "Broken."));
        tile.lose(1, "Gone.");
        assert_eq!(tile.flow(), Some(2));
        assert_eq!(text_of(&tile), look().opening.as_str());
    }

    #[test]
    fn the_end_is_said_and_leaving_is_silent() {
        let mut tile = Tile::new(Owner::Other);
        tile.press(1);
        tile.hear(1, ended(Outcome::Done, "Your account is unlocked."));
        assert_eq!(text_of(&tile), "Your account is unlocked.");
        tile.press(2);
        tile.hear(2, ended(Outcome::Cancelled, ""));
        assert_eq!(text_of(&tile), words::of(0).invitation);
    }

    #[test]
    fn what_is_no_text_or_too_long_is_not_taken() {
        let mut tile = Tile::new(Owner::Other);
        assert_eq!(tile.type_in(Field::FirstText, &[0xD800]), Err(NotTaken));
        assert_eq!(tile.type_in(Field::FirstText, &utf16(&"x".repeat(769))), Err(NotTaken));
        assert_eq!(tile.type_in(Field::Title, &utf16("x")), Err(NotTaken));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Press,
        Follow(u32),
        Type(u32, String),
        Status,
        Page(bool, usize, usize),
        End,
        Lose,
        Stale,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Press),
            (0..20_u32).prop_map(Step::Follow),
            (0..20_u32, ".{0,9}").prop_map(|(field, text)| Step::Type(field, text)),
            Just(Step::Status),
            (any::<bool>(), 0..3_usize, 0..3_usize)
                .prop_map(|(covered, fields, choices)| Step::Page(covered, fields, choices)),
            Just(Step::End),
            Just(Step::Lose),
            Just(Step::Stale),
        ]
    }

    proptest! {
        /// Whatever the screen and the host do: nobody is left without a way on, an answer fits
        /// its page, and the changes lead from each drawing to the next.
        #[test]
        fn there_is_always_a_way_on(steps in vec(step(), 0..40), is_other: bool) {
            let owner = if is_other { Owner::Other } else { Owner::User("S-1-5-21-1".into()) };
            let mut tile = Tile::new(owner);
            let mut drawn = tile.draw(&look(), words::of(0));
            let mut view = None;
            for (number, step) in steps.into_iter().enumerate() {
                let next = u32::try_from(number).unwrap() + 1;
                let flow = tile.flow().unwrap_or(0);
                let effect = match step {
                    Step::Press => tile.press(next),
                    Step::Follow(field) => {
                        Field::from_number(field).and_then(|(field, _)| tile.follow(field, next))
                    }
                    Step::Type(field, text) => {
                        if let Some((field, _)) = Field::from_number(field) {
                            let _ = tile.type_in(field, &utf16(&text));
                        }
                        None
                    }
                    Step::Status => {
                        tile.hear(flow, Tell::Status(Text::cut("Soon.")));
                        None
                    }
                    Step::Page(covered, fields, choices) => {
                        let fields = [("First", covered), ("Second", !covered)][..fields].to_vec();
                        let page = page(&fields, &["Continue", "Other"][..choices]);
                        tile.hear(flow, Tell::View(page.clone()));
                        view = Some(page);
                        None
                    }
                    Step::End => {
                        tile.hear(flow, ended(Outcome::NotDone, ""));
                        None
                    }
                    Step::Lose => {
                        tile.lose(flow, "Gone.");
                        None
                    }
                    Step::Stale => {
                        tile.hear(flow.wrapping_add(1), ended(Outcome::Failed, "Late."));
                        None
                    }
                };
                if let Some(Effect::Answer { answer, .. }) = effect {
                    prop_assert!(answer.fits(view.as_ref().unwrap()));
                }
                let next = tile.draw(&look(), words::of(0));
                let way_on = [Field::Cancel, Field::Open];
                prop_assert!(way_on.iter().any(|field| sees(&tile, *field)));
                prop_assert!(!next.shown(Field::Text).text.is_empty());
                prop_assert_eq!(tile.flow().is_some(), sees(&tile, Field::Cancel));
                let is_same = next == drawn;
                prop_assert_eq!(drawn.changes_to(&next).is_empty(), is_same);
                drawn = next;
            }
        }
    }
}
