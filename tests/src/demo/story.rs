//! The demo's words: where things are, who you are, what happened, what to do.

use super::terminal::{say, say_heading};
use crate::harness::{
    organisation::{Directory, Organisation},
    people::{ANNA, BEN, CARLA},
};

/// Where the portal and the mailbox are.
pub(super) fn addresses(organisation: &Organisation, after_s: f64) {
    say_heading(&format!("Ready in a browser after {after_s} s"));
    say(&format!("  The portal       {}", organisation.service.origin()));
    say(&format!("  Demo mailbox     {}", organisation.mailbox.address()));
    if let Directory::ActiveDirectory(domain) = &organisation.directory {
        say(&format!("  Domain           {} ({})", domain.samba.base_dn(), domain.samba.url()));
    }
}

/// Who you are and what to do, in the app's window or in the portal.
pub(super) fn what_to_do(organisation: &Organisation, place: &str) {
    let id = |person| organisation.user_id(person);
    say_heading("You are Anna Berg, a nurse. It is 6 in the morning.");
    say("Your phone still had an old password and tried it three times.");
    say("Your account is locked, and nobody answers at the service desk.");
    say_heading(&format!("What to do, in {place}"));
    say("  1. Choose \"I can't sign in\".");
    say(&format!("  2. Your user ID is  {}", id(&ANNA)));
    say(&format!("  3. The code arrives in the demo mailbox: {}", organisation.mailbox.address()));
    say("  4. Choose \"Yes, unlock my account\".");
    say(&format!("     Your password is {} and works again.", ANNA.password));
    say_heading("What to try next");
    say(&format!("  - {}: you forgot your password; set a new one.", id(&BEN)));
    say(&format!("  - {}: it is your first day; choose \"It's my first day here\".", id(&CARLA)));
    say("  - Mistype the user ID, and mend it on the page that asks for the code.");
    say("  - Close the window in the middle, open it again, and go on where you were.");
}

/// One headless story is over, and the directory agrees.
pub(super) fn told(story: &str) {
    say(match story {
        "unlock" => "Unlock: done. Anna's account was locked; her old password signs in again.",
        "reset" => "Reset: done. Ben's new password signs in; the old one does not.",
        _ => "First day: done. Carla's first password signs in.",
    });
}
