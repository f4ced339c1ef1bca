//! The people of the stories, the organisation they work for, and the way each of them goes
//! through the app. Stories and demo tell the same things with it.
//!
//! Speaks the words of the field; starting processes is the lab's.

pub mod organisation;
pub mod people;
pub mod walk;
pub mod words;
