//! For whom there is a tile. Pure.

use crate::scenario::Screen;

/// Whose tile it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A user that the screen lists, by security identifier.
    User(String),
    /// Whoever is not listed: the screen shows it under "Other user".
    Other,
}

impl Owner {
    /// The identifier, where there is one.
    pub fn sid(&self) -> Option<&str> {
        match self {
            Self::User(sid) => Some(sid),
            Self::Other => None,
        }
    }
}

/// More tiles than this are not made: a screen that lists so many users shows them by search.
const MOST: usize = 64;

/// The tiles for these users. A user whom Windows cannot name (`None`) has no tile of their own:
/// a tile with an identifier that the screen does not list has ended LogonUI before.
pub fn tiles(screen: Screen, users: &[Option<String>]) -> Vec<Owner> {
    let mut tiles: Vec<Owner> = Vec::new();
    for sid in users.iter().flatten().filter(|sid| !sid.is_empty()) {
        let owner = Owner::User(sid.clone());
        if !tiles.contains(&owner) && tiles.len() < MOST {
            tiles.push(owner);
        }
    }
    // Who is locked out may not be listed. A locked session has one owner, unless the screen
    // does not say who.
    if screen == Screen::SignIn || tiles.is_empty() {
        tiles.push(Owner::Other);
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(sid: &str) -> Option<String> {
        Some(sid.to_owned())
    }

    #[test]
    fn signing_in_has_a_tile_for_each_and_one_for_others() {
        let users = [user("S-1-5-21-1"), None, user(""), user("S-1-5-21-2"), user("S-1-5-21-1")];
        let tiles = tiles(Screen::SignIn, &users);
        let sids: Vec<_> = tiles.iter().map(Owner::sid).collect();
        assert_eq!(sids, [Some("S-1-5-21-1"), Some("S-1-5-21-2"), None]);
    }

    #[test]
    fn a_locked_session_has_its_owners_alone() {
        assert_eq!(tiles(Screen::Unlock, &[user("S-1-5-21-1")]).len(), 1);
        assert_eq!(tiles(Screen::Unlock, &[None]), [Owner::Other]);
    }

    #[test]
    fn nobody_listed_still_has_a_way_in() {
        assert_eq!(tiles(Screen::SignIn, &[]), [Owner::Other]);
        assert_eq!(tiles(Screen::Unlock, &[]), [Owner::Other]);
    }
}
