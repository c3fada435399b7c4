//! A plan that fails, made as small as can be: the fewest faults and connections with which it still fails.

use std::time::Duration;

use super::plan::Plan;

/// Somewhat later is the same failure.
const SLACK: Duration = Duration::from_secs(3600);

/// The smallest plan found in `tries` at most. `fails` answers when a plan fails, the given one does so at `at`.
///
/// With tries enough, no single fault and no single connection can be left out of what it answers.
pub(crate) fn shrink(
    plan: &Plan,
    at: Duration,
    tries: usize,
    mut fails: impl FnMut(&Plan) -> Option<Duration>,
) -> Plan {
    let mut left = tries;
    let mut try_out = |plan: &Plan| {
        left = left.checked_sub(1)?;
        fails(plan)
    };
    let mut smallest = plan.clone();
    let cut = until(plan, at);
    if try_out(&cut).is_some() {
        smallest = cut;
    }
    loop {
        let before = (smallest.connections.len(), smallest.events.len());
        smallest = without_parts(smallest, |plan| plan.connections.len(), without_connections, &mut try_out);
        smallest = without_parts(smallest, |plan| plan.events.len(), without_events, &mut try_out);
        if (smallest.connections.len(), smallest.events.len()) == before {
            return smallest;
        }
    }
}

/// Leaves out halves, then quarters, and so on down to single ones, while what is left fails.
fn without_parts(
    mut plan: Plan,
    length: impl Fn(&Plan) -> usize,
    without: impl Fn(&Plan, usize, usize) -> Plan,
    fails: &mut impl FnMut(&Plan) -> Option<Duration>,
) -> Plan {
    let mut part = length(&plan).div_ceil(2);
    while part > 0 {
        let mut from = 0;
        while from < length(&plan) {
            let smaller = without(&plan, from, part);
            match fails(&smaller) {
                Some(at) => plan = until(&smaller, at),
                None => from += part,
            }
        }
        part /= 2;
    }
    plan
}

fn without_events(plan: &Plan, from: usize, count: usize) -> Plan {
    let mut smaller = plan.clone();
    smaller.events.drain(from..(from + count).min(plan.events.len()));
    smaller
}

/// And without what happens to them. Somebody has to be left.
fn without_connections(plan: &Plan, from: usize, count: usize) -> Plan {
    let mut smaller = plan.clone();
    let out: Vec<u32> = smaller.connections.drain(from..(from + count).min(plan.connections.len())).collect();
    smaller.events.retain(|event| event.fault.connection().is_none_or(|of| !out.contains(&of)));
    smaller
}

/// What comes after a failure has no part in it.
fn until(plan: &Plan, at: Duration) -> Plan {
    let mut cut = plan.clone();
    cut.events.retain(|event| event.at <= at);
    cut.ends = cut.ends.min(at + SLACK);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::draw;
    use crate::plan::Fault;

    /// Fails from the second of two things on: a subscription of one connection changed, later the database away.
    fn fails(plan: &Plan) -> Option<Duration> {
        let webhook =
            |fault: &Fault| matches!(fault, Fault::Webhook { of, .. } if plan.connections.contains(of));
        let first = plan.events.iter().find(|event| webhook(&event.fault))?;
        let away = |fault: &Fault| matches!(fault, Fault::DatabaseAway { .. });
        let second = plan.events.iter().find(|event| event.at > first.at && away(&event.fault))?;
        Some(second.at)
    }

    #[test]
    fn what_is_left_is_what_it_takes_and_no_more() {
        for seed in 1..=20 {
            let plan = draw(seed, 50, 10);
            let Some(at) = fails(&plan) else { continue };
            let smallest = shrink(&plan, at, 1000, fails);
            assert!(fails(&smallest).is_some());
            assert_eq!((smallest.connections.len(), smallest.events.len()), (1, 2), "{smallest}");
        }
    }

    #[test]
    fn without_tries_enough_it_is_smaller_and_fails_still() {
        let plan = draw(3, 50, 10);
        let at = fails(&plan).unwrap();
        let smaller = shrink(&plan, at, 9, fails);
        assert!(fails(&smaller).is_some() && smaller.events.len() < plan.events.len());
    }
}
