//! A person's way through the app, page by page: what they see, what they type, what they
//! press. Each page is one step, timed, and pictured when somebody wants to look.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{organisation::Organisation, people::Person};
use crate::lab::{app::App, display::Display, wait::Stopwatch};

/// Tells one story in a window of its own. When it goes wrong, the picture of the last page is
/// kept beside the logs.
///
/// # Errors
/// Where the story departs from what was to happen.
pub fn tell(
    story: &str,
    organisation: &Organisation,
    tell: impl FnOnce(&mut Walk<'_>) -> Result<()>,
) -> Result<()> {
    let display = Display::start()?;
    let app = App::open(&display, &organisation.service)?;
    let outcome = tell(&mut Walk::new(&app, organisation, story, None));
    if outcome.is_err() {
        let _ = app.screenshot(&picture_of_a_failure(story));
    }
    app.close();
    outcome
}

fn picture_of_a_failure(story: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let logs = target.join("test-logs");
    let _ = std::fs::create_dir_all(&logs);
    logs.join(format!("{story}.png"))
}

/// The way so far.
pub struct Walk<'a> {
    app: &'a App,
    organisation: &'a Organisation,
    story: &'a str,
    pictures: Option<PathBuf>,
    steps: Vec<Step>,
    watch: Stopwatch,
}

/// One page.
pub struct Step {
    /// `STORY: PAGE`.
    pub name: String,
    /// From the press before until the page stood.
    pub ms: u128,
}

impl Step {
    /// For the report.
    pub fn to_json(&self) -> Value {
        json!({ "name": self.name, "ms": self.ms })
    }
}

impl<'a> Walk<'a> {
    /// A way that begins at the first page; pictures of each page go to `pictures`.
    pub fn new(
        app: &'a App,
        organisation: &'a Organisation,
        story: &'a str,
        pictures: Option<PathBuf>,
    ) -> Self {
        Self { app, organisation, story, pictures, steps: Vec::new(), watch: Stopwatch::start() }
    }

    /// From the first page to the page that says what is wrong: user ID and code.
    ///
    /// # Errors
    /// When a page does not come.
    pub fn prove_who_i_am(&mut self, person: &Person) -> Result<()> {
        self.say_who_i_am(&self.organisation.user_id(person), person.first_day)?;
        self.enter_the_code(person)
    }

    /// From the first page to the page that asks for the code, with this user ID.
    ///
    /// # Errors
    /// When a page does not come.
    pub fn say_who_i_am(&mut self, user_id: &str, first_day: bool) -> Result<()> {
        self.see("start-title")?;
        self.press(if first_day { "start-first-day" } else { "start-cant-sign-in" })?;
        self.see("user-id-title")?;
        self.app.fill(user_id)?;
        self.press("frame-continue")?;
        self.see("enter-code-title")
    }

    /// Takes the newest code out of the mail and enters it.
    ///
    /// # Errors
    /// When no mail or no next page comes.
    pub fn enter_the_code(&mut self, person: &Person) -> Result<()> {
        let mailbox = &self.organisation.mailbox;
        let code = mailbox.wait_for_newest_code(person.email)?;
        self.app.fill(&code)?;
        self.press("frame-continue")
    }

    /// "Yes, unlock my account", to the page that says it is done.
    ///
    /// # Errors
    /// When a page does not come.
    pub fn unlock(&mut self) -> Result<()> {
        self.see("choice-locked-title")?;
        self.press("choice-locked-unlock")?;
        self.see("done-unlock-title")
    }

    /// "It still doesn't work": on to a new password.
    ///
    /// # Errors
    /// When a page does not come.
    pub fn it_still_does_not_work(&mut self) -> Result<()> {
        self.press("done-still")
    }

    /// Types a new password and sets it, to the page that says it is done.
    ///
    /// # Errors
    /// When a page does not come.
    pub fn set_password(&mut self, password: &str, first_day: bool) -> Result<()> {
        let (page, done) = if first_day {
            ("new-password-title-first", "done-reset-title-first")
        } else {
            ("new-password-title", "done-reset-title")
        };
        self.see(page)?;
        self.app.fill(password)?;
        self.picture("new-password-typed")?;
        self.press("new-password-submit")?;
        self.see(done)
    }

    /// Types the present password and a new one, and hands them in.
    ///
    /// # Errors
    /// When the page does not come.
    pub fn type_both_passwords(&mut self, present: &str, new: &str) -> Result<()> {
        self.see("change-password-title")?;
        self.app.fill_nth(0, present)?;
        self.app.fill_nth(1, new)?;
        self.picture("change-password-typed")?;
        self.press("change-password-submit")
    }

    /// Mends a mistyped user ID on the page that asks for the code.
    ///
    /// # Errors
    /// When a page does not come.
    pub fn mend_the_user_id(&mut self, user_id: &str) -> Result<()> {
        self.press("enter-code-change")?;
        self.see("user-id-title")?;
        self.app.fill(user_id)?;
        self.press("frame-continue")?;
        self.see("enter-code-title")
    }

    /// Presses "Finish".
    ///
    /// # Errors
    /// When the last page does not come.
    pub fn finish(&mut self) -> Result<()> {
        self.press("done-finish")?;
        self.see("ended-finished-title")
    }

    /// Waits for a page, counts it as a step and takes its picture.
    ///
    /// # Errors
    /// When it does not come.
    pub fn see(&mut self, page: &str) -> Result<()> {
        self.app.see_page(page).with_context(|| format!("{}: at {page}", self.story))?;
        let name = page.replace("-title", "");
        self.steps.push(Step {
            name: format!("{}: {name}", self.story),
            ms: self.watch.elapsed().as_millis(),
        });
        self.picture(&name)
    }

    /// Presses what carries these words; the next step is timed from here.
    ///
    /// # Errors
    /// When there is nothing like that to press.
    pub fn press(&mut self, key: &str) -> Result<()> {
        self.watch = Stopwatch::start();
        self.app.press(key)
    }

    /// The app itself, for what only one story does.
    pub fn app(&self) -> &App {
        self.app
    }

    /// The steps so far.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    fn picture(&self, name: &str) -> Result<()> {
        let Some(folder) = &self.pictures else {
            return Ok(());
        };
        let number = self.steps.len();
        let file = folder.join(format!("{}-{number:02}-{name}.png", self.story));
        self.app.screenshot(&file)
    }
}
