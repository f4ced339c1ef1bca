//! Who the stories are about.

/// Somebody who works at the organisation.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// The name to sign in with, without the organisation's suffix.
    pub name: &'static str,
    /// What people call them.
    pub display_name: &'static str,
    /// The private mail address that codes go to.
    pub email: &'static str,
    /// The password that the account has at the beginning.
    pub password: &'static str,
    /// Whether it is the first day: the account was never used and the password must change.
    pub first_day: bool,
}

/// Typed an old password three times; the account is locked, the password is known.
pub const ANNA: Person = Person {
    name: "anna.berg",
    display_name: "Anna Berg",
    email: "anna.private@mail.example",
    password: "Seven-otters-swim-1",
    first_day: false,
};

/// Came back from a long leave and has forgotten the password.
pub const BEN: Person = Person {
    name: "ben.okafor",
    display_name: "Ben Okafor",
    email: "ben.private@mail.example",
    password: "Nobody-remembers-2",
    first_day: false,
};

/// Knows the password, and wants or needs another one.
pub const DORA: Person = Person {
    name: "dora.lind",
    display_name: "Dora Lind",
    email: "dora.private@mail.example",
    password: "Known-by-heart-44",
    first_day: false,
};

/// Starts today; nobody has ever signed in with the account.
pub const CARLA: Person = Person {
    name: "carla.first",
    display_name: "Carla First",
    email: "carla.private@mail.example",
    password: "Set-by-the-personnel-3",
    first_day: true,
};
