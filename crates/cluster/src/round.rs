//! One round: starts everything, strikes one fault after the other, drains, and counts.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use torture::ledger::{Held, Ledger};
use torture::shape::Shape;
use torture::steady::{Pace, SteadyPublishers};

use crate::broker::Mode;
use crate::meter::Meter;
use crate::plan::Plan;
use crate::report::{Calm, Outcome, Recovery, Verdict};
use crate::threads::Threads;
use crate::witness::Evidence;
use crate::world::{Programs, World};

/// How long the group is watched before the first fault.
const CALM: Duration = Duration::from_secs(10);
/// How many messages publishers may be ahead of the store if they send as many as possible: some
/// seconds of work, so that what takes its time does not count, but only what is busy.
const AHEAD: usize = 40_000;
/// How much of the rate counts as the full rate.
const FULL: f64 = 0.95;
/// How long everything may take to drain.
const DRAIN: Duration = Duration::from_mins(3);
/// What has not come after so long without any progress does not come any more.
const SILENCE: Duration = Duration::from_secs(12);

/// Runs a round.
///
/// # Panics
/// A message is missing, changed, invented, or stored twice; or a program ended by itself.
pub(crate) fn run(plan: &Plan, programs: &Programs, folder: &Path) -> Outcome {
    let start = Instant::now();
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut faults = plan.faults.clone();
    faults.shuffle(&mut random);
    let mut world = World::start(
        random,
        programs,
        (plan.mode, plan.has_witness()),
        plan.members,
        folder,
    );
    let members = world.group.members().iter();
    let meter = Meter::of(members.map(|member| member.machine.address).collect());
    let pace = plan.rate.map_or_else(
        || Pace::AsTaken {
            taken: meter.stored(),
            ahead: AHEAD,
        },
        Pace::Rate,
    );
    let addresses = vec![world.brokers.addresses(); plan.mode.publishers()].concat();
    let publishers = SteadyPublishers::start(&addresses, &pace);
    let calm = watch(&mut world, plan);
    println!("{calm}");
    drop(meter);
    let mut recoveries = Vec::new();
    for fault in faults {
        world.rest(500..2_000);
        world.check();
        let struck = Instant::now();
        fault.strike(&mut world);
        let after = world.time_to_rate(FULL * calm.rate(), struck);
        let recovery = Recovery { fault, after };
        println!("{recovery}");
        recoveries.push(recovery);
        if plan.mode == Mode::RaftWithMessages {
            world.wait_until_acknowledged();
        }
    }
    let sent = publishers.finish();
    let ledger = Ledger::of(&world.database.url(), Shape::FewTopics);
    drain(&mut world, &ledger, &sent);
    for member in world.group.members() {
        assert!(member.terminate(), "{}", member.latest_log());
        let log = member.latest_log();
        assert!(log.contains("spooled 0"), "a spool is not delivered: {log}");
    }
    let held = ledger.read(&sent);
    assert_eq!(ledger.rejected(), 0, "messages were rejected");
    let mut verdict = judge(&held, &sent, &world.witness.evidence());
    verdict.broken_writes = world.brokers.broken_writes();
    Outcome {
        plan: plan.clone(),
        time: start.elapsed(),
        recoveries,
        verdict,
    }
}

/// Watches the group while nothing happens.
fn watch(world: &mut World, plan: &Plan) -> Calm {
    sleep(CALM / 2);
    let threads = Threads::now(world);
    let (since, used, before) = (Instant::now(), world.usages(), world.group.work());
    sleep(CALM);
    let (used, after) = (world.usages().minus(used), world.group.work());
    let busiest = Threads::now(world).since(&threads);
    let time = since.elapsed();
    let members = after
        .into_iter()
        .map(|(member, work)| (member.clone(), work.since(before[&member])))
        .collect();
    Calm {
        plan: plan.clone(),
        time,
        used,
        busiest,
        members,
    }
}

/// Waits until the store has everything, or nothing more comes.
fn drain(world: &mut World, ledger: &Ledger, sent: &[usize]) {
    let end = Instant::now() + DRAIN;
    let expected = sent.iter().sum::<usize>() as u64;
    let mut latest = (0, Instant::now());
    loop {
        world.check();
        let count = ledger.count();
        if count >= expected || latest.1.elapsed() > SILENCE {
            return;
        }
        if count > latest.0 {
            latest = (count, Instant::now());
        }
        assert!(Instant::now() < end, "not drained after {DRAIN:?}");
        sleep(Duration::from_millis(500));
    }
}

fn judge(held: &Held, sent: &[usize], evidence: &Evidence) -> Verdict {
    let lost: Vec<_> = evidence
        .all_acknowledged()
        .filter(|key| !held.has(*key))
        .collect();
    assert!(
        lost.is_empty(),
        "{} messages are acknowledged by iot-sub, and not stored: {:?}",
        lost.len(),
        &lost[..lost.len().min(20)]
    );
    let twice: Vec<_> = held.counts().filter(|(_, count)| *count > 1).collect();
    assert!(
        twice.is_empty(),
        "{} messages are stored twice: {:?}",
        twice.len(),
        &twice[..twice.len().min(20)]
    );
    let mut verdict = Verdict {
        sent: sent.iter().sum::<usize>() as u64,
        stored: held.different() as u64,
        acknowledgements: evidence.members.values().sum(),
        drops: evidence.drops.clone(),
        ..Verdict::default()
    };
    for key in held.missing(sent) {
        let known = evidence.of(key);
        let place = match (known.dropped, known.received) {
            (true, _) => &mut verdict.lost_dropped,
            (false, true) => &mut verdict.lost_in_memory,
            (false, false) => &mut verdict.lost_unseen,
        };
        *place += 1;
    }
    verdict
}
