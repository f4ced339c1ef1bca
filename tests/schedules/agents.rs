//! Stories of agents that come and go, and of two recoveries of one account.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use protocol::sealed::RecipientList;
use store::{Retire, StoreError};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    clockwork::{Next, lock},
    play::{Template, alone, until},
    schedule::{KEY_POINTS, LINK_KEY_POINTS},
    world::{Beginning, DIRECTORY, World, is_ready},
};

async fn is_linked(world: &Arc<World>) -> bool {
    world.ask(|service, _| async move { is_ready(&service) }).await.unwrap_or(false)
}

/// An administrator does something in a process of its own: on the database alone.
async fn administer<F>(world: &Arc<World>, what: F)
where
    F: FnOnce(
            Arc<regain_service::Service>,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>
        + Send
        + 'static,
{
    let done = world.ask(move |service, _| what(service)).await;
    done.unwrap().unwrap();
}

#[test]
fn a_removed_agent_is_cut_off_within_seconds_and_does_not_come_back() {
    let _alone = alone();
    let template = Template::new();
    let (_folder, world, _) = template.copy_quietly();
    let in_story = Arc::clone(&world);
    template.live(&world, async move {
        let world = in_story;
        until(|| async { is_linked(&world).await.then_some(()) }).await;
        administer(&world, |service| {
            Box::pin(async move {
                let now = service.now();
                let removing = service.store.write(move |mut tx| {
                    Box::pin(async move {
                        for agent in tx.agents(DIRECTORY).await? {
                            tx.remove_agent(agent.id, now).await?;
                        }
                        Ok::<_, StoreError>(())
                    })
                });
                removing.await
            })
        })
        .await;
        link_ends_for_good(&world).await;
    });
}

/// Within seconds, and five minutes later there is still none.
async fn link_ends_for_good(world: &Arc<World>) {
    let since = Instant::now();
    until(|| async { (!is_linked(world).await).then_some(()) }).await;
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    for _ in 0..60 {
        sleep(Duration::from_secs(5)).await;
        assert!(!is_linked(world).await, "it came back");
    }
}

/// The identity key of an agent is another one now (somebody else who has a copy of the old one
/// may hold a link): what the old key proved ends within seconds, and does not come back.
#[test]
fn a_link_of_an_old_identity_key_ends_within_seconds() {
    let _alone = alone();
    let template = Template::new();
    let (_folder, world, _) = template.copy_quietly();
    let in_story = Arc::clone(&world);
    template.live(&world, async move {
        let world = in_story;
        until(|| async { is_linked(&world).await.then_some(()) }).await;
        administer(&world, |service| {
            Box::pin(async move {
                let changing = service.store.write(|mut tx| {
                    Box::pin(async move {
                        for agent in tx.agents(DIRECTORY).await? {
                            let is_stored =
                                tx.succeed_agent(agent.id, &agent.identity_key, &[9; 32]).await?;
                            assert!(is_stored);
                        }
                        Ok::<_, StoreError>(())
                    })
                });
                changing.await
            })
        })
        .await;
        link_ends_for_good(&world).await;
    });
}

/// Ben asks twice, each time through a gate of its own. Where nobody has the first one yet, the
/// second takes its place; where somebody may have it, the second is refused.
#[test]
fn a_newer_operation_takes_the_place_of_one_that_nobody_has_and_of_no_other() {
    let _alone = alone();
    let template = Template::new();
    for (point, is_cancelled) in [
        ("service: before the fence is stored", true),
        ("service: before the order is handed over", true),
        // Not counted yet: refused, to be on the safe side.
        ("service: after the fence is stored", false),
        ("agent: after the write", false),
        ("agent: before the write", false),
    ] {
        let waited = Mutex::new(false);
        let (_folder, world, people) = template.copy(Beginning {
            micros: 0,
            seed: 1,
            down: Duration::ZERO,
            is_enrolled: true,
            points: Box::new(move |_, name| {
                let is_first =
                    name == point && !std::mem::replace(&mut *lock(&waited), name == point);
                if is_first { Next::Wait(Duration::from_secs(60)) } else { Next::Go }
            }),
        });
        let [_, ben, _] = <[_; 3]>::try_from(people).ok().unwrap();
        let (in_story, seen) = (Arc::clone(&world), Arc::new(Mutex::new(None)));
        let of_story = Arc::clone(&seen);
        template.live(&world, async move {
            let world = in_story;
            until(|| async { is_linked(&world).await.then_some(()) }).await;
            let (mut first, of_first) = (ben.clone(), Arc::clone(&world));
            let first =
                tokio::spawn(async move { first.reset(&of_first, "First-Passw0rd-1").await });
            sleep(Duration::from_secs(5)).await;
            let mut second = ben.again(&world).await;
            let asked_second = second.hand_over(&world, "Second-Passw0rd-2").await;
            let first = first.await.unwrap();
            sleep(Duration::from_secs(30)).await;
            *lock(&of_story) = Some((first, asked_second));
        });
        let (first, second) = lock(&seen).take().unwrap();
        let set: Vec<_> =
            world.accounts.written().into_iter().filter_map(|one| one.password).collect();
        if is_cancelled {
            assert_eq!(set, ["Second-Passw0rd-2"], "{point}");
            assert_eq!(second, Ok(()), "{point}");
        } else {
            assert_eq!(second, Err("account-busy".to_owned()), "{point}");
            assert_eq!(set, ["First-Passw0rd-1"], "{point}");
            assert!(first.is_some_and(|first| first.told.contains(&true)), "{point}");
        }
    }
}

/// What the service knows of its agent: identity key, epoch and keys of the list.
async fn known_keys(world: &Arc<World>) -> Option<(Vec<u8>, RecipientList)> {
    let read = world.ask(|service, _| async move {
        let read = service.store.read(|mut tx| {
            Box::pin(async move {
                let agent = tx.agents(DIRECTORY).await?.remove(0);
                let list = tx.directory(DIRECTORY).await?.unwrap().recipients;
                Ok::<_, StoreError>((agent.identity_key, list))
            })
        });
        read.await.unwrap()
    });
    let (identity, list) = read.await?;
    Some((identity, serde_json::from_str(&list?).unwrap()))
}

/// Keys change while a reset is under way; the agent ends at each point of it, or at none. The
/// password that was sealed for the old key is written, and one for the new key afterwards.
#[test]
fn keys_rotated_under_load_lose_nothing_wherever_the_agent_ends() {
    let _alone = alone();
    let template = Template::new();
    for end in KEY_POINTS.into_iter().map(Some).chain([None]) {
        let (once, begun) = (Mutex::new(false), Arc::new(Notify::new()));
        let in_point = Arc::clone(&begun);
        let (_folder, world, people) = template.copy(Beginning {
            micros: 0,
            seed: 1,
            down: Duration::from_secs(2),
            is_enrolled: true,
            points: Box::new(move |_, name| {
                if name == "agent: before the intent is noted" {
                    in_point.notify_one();
                    // Long enough for the keys to change under it.
                    return Next::Wait(Duration::from_secs(40));
                }
                let ends = Some(name) == end && !std::mem::replace(&mut *lock(&once), true);
                if ends { Next::End } else { Next::Go }
            }),
        });
        let (in_story, seen) = (Arc::clone(&world), Arc::new(Mutex::new(Vec::new())));
        let of_story = Arc::clone(&seen);
        template.live(&world, async move {
            let world = in_story;
            until(|| async { is_linked(&world).await.then_some(()) }).await;
            let before = until(|| known_keys(&world)).await;
            let [mut anna, mut ben, _] = <[_; 3]>::try_from(people).ok().unwrap();
            let in_load = Arc::clone(&world);
            let load = tokio::spawn(async move { ben.reset(&in_load, "Sealed-Before-1").await });
            begun.notified().await;
            world.rotate_keys();
            let after = until(|| async {
                let known = known_keys(&world).await?;
                (known.0 != before.0 && known.1.keys != before.1.keys).then_some(known)
            })
            .await;
            assert_eq!(after.1.keys.len(), 1);
            assert!(after.1.gone.contains(&before.1.keys[0].id));
            assert_eq!(after.1.directory_key, before.1.directory_key);
            let bens = load.await.unwrap();
            until(|| async { is_linked(&world).await.then_some(()) }).await;
            let annas = anna.reset(&world, "Sealed-After-2").await;
            lock(&of_story).extend(bens.into_iter().chain(annas));
            sleep(Duration::from_secs(60)).await;
        });
        let set: Vec<_> =
            world.accounts.written().into_iter().filter_map(|one| one.password).collect();
        assert_eq!(set, ["Sealed-Before-1", "Sealed-After-2"], "{end:?}");
        assert_eq!(lock(&seen).len(), 2, "{end:?}");
        let told: Vec<_> = lock(&seen).iter().flat_map(|asked| asked.told.clone()).collect();
        assert!(!told.contains(&false), "{end:?}: {told:?}");
    }
}

/// After a day nothing sealed for the old key can come: it is wiped, and the link stands.
#[test]
fn an_old_key_is_wiped_after_a_day() {
    let _alone = alone();
    let template = Template::new();
    let (_folder, world, _) = template.copy_quietly();
    let in_story = Arc::clone(&world);
    template.live(&world, async move {
        let world = in_story;
        let old_keys = || {
            let file = world.folder.join("agent/enrolment.json");
            let json: serde_json::Value =
                serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            json["old_recipients"].as_array().map_or(0, Vec::len)
        };
        until(|| async { is_linked(&world).await.then_some(()) }).await;
        world.rotate_keys();
        until(|| async { (old_keys() == 1).then_some(()) }).await;
        world.agent_clock.store(25 * 3600 * 1_000_000 + 60_000_000, Ordering::SeqCst);
        until(|| async { (old_keys() == 0).then_some(()) }).await;
        until(|| async { is_linked(&world).await.then_some(()) }).await;
    });
}

/// What the service knows of its link keys: those in force, and the one that its agent has.
async fn known_link_keys(world: &Arc<World>) -> Option<(Vec<i64>, i64)> {
    let read = world.ask(|service, _| async move {
        let read = service.store.read(|mut tx| {
            Box::pin(async move {
                let in_force = tx.link_keys().await?.iter().map(|key| key.generation).collect();
                Ok::<_, StoreError>((in_force, tx.agents(DIRECTORY).await?.remove(0)))
            })
        });
        read.await.unwrap()
    });
    let (in_force, agent) = read.await?;
    Some((in_force, agent.link_generation))
}

/// The generation that the agent was told last, and how many newer ones wait for proof.
fn kept_link_keys(world: &World) -> (u64, usize) {
    let file = world.folder.join("agent/enrolment.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let waiting = json["next_link_keys"].as_array().map_or(0, Vec::len);
    (json["link_generation"].as_u64().unwrap(), waiting)
}

/// Whether the change is over: the agent has the newest key and no other, and so has the service.
async fn is_changed(world: &Arc<World>) -> Option<i64> {
    let (in_force, has) = known_link_keys(world).await?;
    let is_over = in_force == [has] && has > 1 && kept_link_keys(world) == (has as u64, 0);
    is_over.then_some(has)
}

/// The service's link key changes while a reset is under way, and agent or service ends at each
/// point of it, or at none: the reset is done, the agent has the new key and no other, and the
/// old one is retired by itself.
#[test]
fn a_link_key_rotated_under_load_loses_nothing_wherever_a_part_ends() {
    let _alone = alone();
    let template = Template::new();
    for end in LINK_KEY_POINTS.into_iter().map(Some).chain([None]) {
        let (once, begun) = (Mutex::new(false), Arc::new(Notify::new()));
        let in_point = Arc::clone(&begun);
        let (_folder, world, people) = template.copy(Beginning {
            micros: 0,
            seed: 1,
            down: Duration::from_secs(2),
            is_enrolled: true,
            points: Box::new(move |_, name| {
                if name == "agent: before the intent is noted" {
                    in_point.notify_one();
                    // Long enough for the key to change under it.
                    return Next::Wait(Duration::from_secs(8));
                }
                let ends = Some(name) == end && !std::mem::replace(&mut *lock(&once), true);
                if ends { Next::End } else { Next::Go }
            }),
        });
        let (in_story, seen) = (Arc::clone(&world), Arc::new(Mutex::new(Vec::new())));
        let of_story = Arc::clone(&seen);
        template.live(&world, async move {
            let world = in_story;
            until(|| async { is_linked(&world).await.then_some(()) }).await;
            let [anna, mut ben, _] = <[_; 3]>::try_from(people).ok().unwrap();
            let in_load = Arc::clone(&world);
            let load = tokio::spawn(async move { ben.reset(&in_load, "Rotated-Under-1").await });
            begun.notified().await;
            until(|| world.rotate_link_key()).await;
            until(|| is_changed(&world)).await;
            let bens = load.await.unwrap();
            until(|| async { is_linked(&world).await.then_some(()) }).await;
            sleep(Duration::from_secs(10)).await;
            // Her first recovery has run out where a part took its time; and on a machine with much
            // else to do an agent may look away for longer than an order lives.
            let annas = until(|| async {
                let asked = anna.again(&world).await.reset(&world, "Rotated-After-2").await?;
                asked.told.contains(&true).then_some(asked)
            })
            .await;
            lock(&of_story).extend(bens.into_iter().chain([annas]));
            sleep(Duration::from_secs(60)).await;
        });
        let set: Vec<_> =
            world.accounts.written().into_iter().filter_map(|one| one.password).collect();
        assert_eq!(set, ["Rotated-Under-1", "Rotated-After-2"], "{end:?} {:?}", lock(&seen));
        let told: Vec<_> = lock(&seen).iter().flat_map(|asked| asked.told.clone()).collect();
        assert!(!told.contains(&false), "{end:?}: {told:?}");
    }
}

/// The link itself is not cut for it: what is under way over it goes on.
#[test]
fn a_link_key_changes_on_the_link_that_stands() {
    let _alone = alone();
    let template = Template::new();
    let (_folder, world, _) = template.copy_quietly();
    let in_story = Arc::clone(&world);
    template.live(&world, async move {
        let world = in_story;
        until(|| async { is_linked(&world).await.then_some(()) }).await;
        let ended = || trail(&world, "agent-disconnected");
        let before = ended().await;
        until(|| world.rotate_link_key()).await;
        let since = Instant::now();
        until(|| is_changed(&world)).await;
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
        // Heartbeats and orders go on under the new key.
        sleep(Duration::from_secs(60)).await;
        assert!(is_linked(&world).await);
        assert_eq!(ended().await, before);
        assert!(trail(&world, "link-key-retired").await > 0);
    });
}

async fn trail(world: &Arc<World>, event: &'static str) -> usize {
    let read = world.ask(move |service, _| async move {
        let read =
            service.store.read(|mut tx| Box::pin(async move { tx.audit_after(0, 10_000).await }));
        let rows = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
        rows.iter().filter(|row| row.event == event).count()
    });
    read.await.unwrap()
}

/// An agent that was away for two changes comes in with the key that it knows, and takes the
/// newest. The keys that it may need are kept until then, and no longer.
#[test]
fn an_agent_that_was_away_takes_the_newest_link_key_when_it_comes_back() {
    let _alone = alone();
    let template = Template::new();
    let (_folder, world, people) = template.copy_quietly();
    let in_story = Arc::clone(&world);
    template.live(&world, async move {
        let world = in_story;
        let [_, ben, _] = <[_; 3]>::try_from(people).ok().unwrap();
        until(|| async { is_linked(&world).await.then_some(()) }).await;
        world.relay.part(true);
        until(|| async { (!is_linked(&world).await).then_some(()) }).await;
        until(|| world.rotate_link_key()).await;
        until(|| world.rotate_link_key()).await;
        sleep(Duration::from_secs(600)).await;
        let (in_force, has) = known_link_keys(&world).await.unwrap();
        assert!(in_force.starts_with(&[1, 2, 3]) && has == 1, "{in_force:?} {has}");
        world.relay.part(false);
        assert_eq!(until(|| is_changed(&world)).await, *in_force.last().unwrap());
        until(|| async { is_linked(&world).await.then_some(()) }).await;
        let mut ben = ben.again(&world).await;
        assert!(ben.reset(&world, "Back-Again-1").await.is_some());
    });
    assert_eq!(world.accounts.written().len(), 1);
}

/// Retired by hand: an agent that had not taken the new key refuses the service from then on,
/// whatever the service signs with; one whose answer alone was lost comes in.
#[test]
fn after_an_old_link_key_is_retired_by_hand_only_who_took_the_new_one_comes_in() {
    let _alone = alone();
    let template = Template::new();
    for has_taken in [false, true] {
        let (_folder, world, _) = template.copy(Beginning {
            micros: 0,
            seed: 1,
            down: Duration::from_secs(60),
            is_enrolled: true,
            points: Box::new(move |world, name| {
                if name == "link key: after the new one is kept" {
                    world.relay.part(true);
                    // What it says now goes nowhere.
                    return Next::Wait(Duration::from_secs(5));
                }
                Next::Go
            }),
        });
        let in_story = Arc::clone(&world);
        template.live(&world, async move {
            let world = in_story;
            until(|| async { is_linked(&world).await.then_some(()) }).await;
            if !has_taken {
                world.relay.part(true);
                until(|| async { (!is_linked(&world).await).then_some(()) }).await;
            }
            until(|| world.rotate_link_key()).await;
            sleep(Duration::from_secs(300)).await;
            let (in_force, has) = known_link_keys(&world).await.unwrap();
            assert!(in_force.starts_with(&[1, 2]) && has == 1, "{in_force:?} {has}");
            administer(&world, |service| {
                Box::pin(async move {
                    let now = service.now();
                    let retiring = service.store.write(move |mut tx| {
                        Box::pin(async move { tx.retire_link_keys(Retire::All, now).await })
                    });
                    assert!(retiring.await?.contains(&1));
                    Ok(())
                })
            })
            .await;
            world.relay.part(false);
            if has_taken {
                until(|| async { is_linked(&world).await.then_some(()) }).await;
                until(|| is_changed(&world)).await;
            } else {
                for _ in 0..60 {
                    sleep(Duration::from_secs(5)).await;
                    assert!(!is_linked(&world).await, "it knows the old key alone");
                }
            }
        });
    }
}
