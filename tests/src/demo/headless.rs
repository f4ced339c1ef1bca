//! The demo without anybody: the real app on a screen that nobody sees, driven through unlock
//! and through reset, each checked in the directory. The last line is the report.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Clock, arguments::Arguments, story, terminal::say, window};
use crate::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA},
        walk::{Step, Walk},
    },
    lab::{app::App, display::Display, service::SignIn},
};

const BENS_NEW_PASSWORD: &str = "Four-green-lanterns-9";
const CARLAS_FIRST_PASSWORD: &str = "Maple-river-bicycle-4";

pub(super) fn run(
    arguments: &Arguments,
    organisation: &Organisation,
    clock: &Clock,
    first_page_s: f64,
) -> Result<()> {
    window::build_app()?;
    let pictures = &arguments.pictures;
    let _ = fs::remove_dir_all(pictures);
    fs::create_dir_all(pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
    let display = Display::start()?;
    let mut drive = Drive {
        arguments,
        organisation,
        display: &display,
        steps: Vec::new(),
        first_window_s: None,
        clock,
    };
    let unlock = drive.tell("unlock", Drive::unlock);
    let reset = drive.tell("reset", Drive::reset);
    let first_day = drive.tell("first-day", Drive::first_day);
    say(&format!("A picture of every page is in {}", pictures.display()));
    // Written by hand: JSON keeps no order, and whoever reads this line looks at its beginning.
    say(&format!(
        r#"{{"unlock":"{}","reset":"{}","first_day":"{}","first_page_s":{},"first_window_s":{},"steps":{}}}"#,
        word(&unlock),
        word(&reset),
        word(&first_day),
        json!(first_page_s),
        json!(drive.first_window_s),
        Value::from_iter(drive.steps.iter().map(Step::to_json)),
    ));
    unlock.and(reset).and(first_day)
}

fn word(outcome: &Result<()>) -> &'static str {
    if outcome.is_ok() { "done" } else { "failed" }
}

struct Drive<'a> {
    arguments: &'a Arguments,
    organisation: &'a Organisation,
    display: &'a Display,
    steps: Vec<Step>,
    first_window_s: Option<f64>,
    clock: &'a Clock,
}

impl Drive<'_> {
    /// Opens the app, tells one story with it, and says how that went.
    fn tell(
        &mut self,
        story: &str,
        tell: impl FnOnce(&Self, &mut Walk<'_>) -> Result<()>,
    ) -> Result<()> {
        let outcome = self.tell_in_a_window(story, tell);
        match &outcome {
            Ok(()) => story::told(story),
            Err(error) => say(&format!("{story}: {error:#}")),
        }
        outcome
    }

    fn tell_in_a_window(
        &mut self,
        story: &str,
        tell: impl FnOnce(&Self, &mut Walk<'_>) -> Result<()>,
    ) -> Result<()> {
        let app = App::open(self.display, &self.organisation.service)?;
        let pictures = Some(self.arguments.pictures.clone());
        app.see_page("start-title")?;
        self.first_window_s.get_or_insert(self.clock.seconds());
        let mut walk = Walk::new(&app, self.organisation, story, pictures);
        let outcome = tell(self, &mut walk);
        if outcome.is_err() {
            let _ = app.screenshot(&self.arguments.pictures.join(format!("{story}-failed.png")));
        }
        self.steps.extend(walk.into_steps());
        app.close();
        outcome
    }

    fn unlock(&self, walk: &mut Walk<'_>) -> Result<()> {
        self.ensure_sign_in(self.organisation.sign_in(&ANNA, ANNA.password)?, SignIn::Locked)?;
        walk.prove_who_i_am(&ANNA)?;
        walk.unlock()?;
        self.ensure_sign_in(self.organisation.sign_in(&ANNA, ANNA.password)?, SignIn::Accepted)?;
        walk.finish()
    }

    fn reset(&self, walk: &mut Walk<'_>) -> Result<()> {
        walk.prove_who_i_am(&BEN)?;
        walk.see("choice-nothing-wrong-title")?;
        walk.press("choice-nothing-wrong-reset")?;
        walk.set_password(BENS_NEW_PASSWORD, false)?;
        let new = self.organisation.sign_in(&BEN, BENS_NEW_PASSWORD)?;
        self.ensure_sign_in(new, SignIn::Accepted)?;
        let old = self.organisation.sign_in(&BEN, BEN.password)?;
        self.ensure_sign_in(old, SignIn::Wrong)?;
        walk.finish()
    }

    fn first_day(&self, walk: &mut Walk<'_>) -> Result<()> {
        walk.prove_who_i_am(&CARLA)?;
        walk.see("choice-never-used-title")?;
        walk.press("choice-reset-first")?;
        walk.set_password(CARLAS_FIRST_PASSWORD, true)?;
        let new = self.organisation.sign_in(&CARLA, CARLAS_FIRST_PASSWORD)?;
        self.ensure_sign_in(new, SignIn::Accepted)?;
        walk.finish()
    }

    fn ensure_sign_in(&self, found: SignIn, expected: SignIn) -> Result<()> {
        ensure!(
            found == expected,
            "the directory says {found:?} at a sign-in, and it should say {expected:?}"
        );
        Ok(())
    }
}
