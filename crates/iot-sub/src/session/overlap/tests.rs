use super::*;

fn subscriptions(filters: &[(&str, u8)]) -> Vec<Subscription> {
    let filters = filters.iter().map(|(filter, qos)| {
        let filter = TopicFilter::new(*filter).unwrap();
        Subscription::new(filter, QoS::try_from(*qos).unwrap())
    });
    filters.collect()
}

fn planned(filters: &[(&str, u8)]) -> Vec<Planned> {
    plan(&subscriptions(filters), &HashMap::new(), &[])
}

/// The filters in the order of their SUBSCRIBEs, with those that precede them.
fn shown(planned: &[Planned]) -> Vec<String> {
    let lines = planned.iter().map(|one| {
        let filter = &one.subscription.filter;
        match &one.identifier {
            None => filter.to_string(),
            Some(it) => {
                let preceding: Vec<_> = it.preceding.iter().map(TopicFilter::as_str).collect();
                format!("{filter} < {}", preceding.join(" "))
            }
        }
    });
    lines.collect()
}

#[test]
fn the_higher_qos_precedes_then_the_text_and_never_a_shared_subscription() {
    assert_eq!(shown(&planned(&[("a", 0), ("b/#", 1)])), ["a", "b/#"]);
    assert_eq!(
        shown(&planned(&[("ov/+/t", 1), ("x", 0), ("ov/#", 1)])),
        ["x", "ov/# < ", "ov/+/t < ov/#"]
    );
    assert_eq!(
        shown(&planned(&[("ov/#", 0), ("ov/+/t", 2)])),
        ["ov/+/t < ", "ov/# < ov/+/t"]
    );
    assert_eq!(
        shown(&planned(&[("$share/g/a/#", 1), ("a/b", 0), ("a/+", 1)])),
        ["a/+ < ", "a/b < a/+", "$share/g/a/# < a/+"],
    );
    assert_eq!(
        shown(&planned(&[("$share/g/a/#", 1), ("$share/h/a/b", 1)])),
        ["$share/g/a/#", "$share/h/a/b"]
    );
    assert_eq!(shown(&planned(&[("a", 0), ("a", 1)])), ["a"]);
}

#[test]
fn identifiers_depend_on_the_filters_only_and_are_distinct() {
    let numbers = |filters: &[(&str, u8)]| -> Vec<u32> {
        let planned = planned(filters);
        let identifiers = planned.into_iter().filter_map(|one| one.identifier);
        identifiers.map(|it| it.number).collect()
    };
    let first = numbers(&[("ov/#", 2), ("ov/+/t", 2), ("other", 0)]);
    assert_eq!(first, numbers(&[("ov/+/t", 2), ("ov/#", 2)]));
    // Written down, because sessions at brokers outlive a version of the program.
    assert_eq!(first, [103_055_648, 156_525_302]);
    let many: Vec<String> = (0..500).map(|n| format!("a/{n}/+")).collect();
    let mut filters: Vec<_> = many.iter().map(|filter| (filter.as_str(), 1)).collect();
    filters.push(("#", 1));
    let mut all = numbers(&filters);
    assert_eq!(all.len(), 501);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 501);
    assert!(all.iter().all(|id| (1..=268_435_455).contains(id)));
}

/// The plan of these filters, all granted but for `refused`.
fn copies(filters: &[(&str, u8)], refused: &[&str]) -> (Vec<u32>, Copies) {
    let planned = planned(filters);
    let mut copies = Copies::default();
    copies.set(&planned, []);
    for Subscription { filter, qos, .. } in planned.iter().map(|one| &one.subscription) {
        if !refused.contains(&filter.as_str()) {
            copies.grant(filter.clone(), *qos);
        }
    }
    let identifiers = planned.into_iter().filter_map(|one| one.identifier);
    (identifiers.map(|it| it.number).collect(), copies)
}

#[test]
fn one_copy_of_each_message_is_used() {
    let (ids, copies) = copies(&[("ov/#", 1), ("ov/+/t", 1)], &[]);
    let [all, some] = ids[..] else {
        panic!("{ids:?}")
    };
    assert!(copies.is_on());
    // Two copies.
    assert!(!copies.leaves_out("ov/1/t", &[all]));
    assert!(copies.leaves_out("ov/1/t", &[some]));
    // One copy with both.
    assert!(!copies.leaves_out("ov/1/t", &[all, some]));
    assert!(!copies.leaves_out("ov/1/t", &[some, all]));
    // Neither is known.
    assert!(!copies.leaves_out("ov/1/t", &[]));
    assert!(!copies.leaves_out("ov/1/t", &[7]));
    assert!(!copies.leaves_out("ov/1/t", &[some, 7]));
}

#[test]
fn a_filter_that_matches_another_topic_does_not_count() {
    let (ids, copies) = copies(&[("a/+", 2), ("+/b", 1)], &[]);
    assert!(copies.leaves_out("a/b", &[ids[1]]));
    assert!(!copies.leaves_out("c/b", &[ids[1]]));
}

#[test]
fn a_refused_filter_does_not_count() {
    let (ids, copies) = copies(&[("ov/#", 1), ("ov/+/t", 1)], &["ov/#"]);
    assert!(!copies.leaves_out("ov/1/t", &[ids[1]]));
}

#[test]
fn what_is_granted_decides_about_precedence() {
    let subscriptions = subscriptions(&[("ov/#", 2), ("ov/+/t", 2)]);
    let granted = |qos| (TopicFilter::new("ov/#").unwrap(), qos);
    let with = |qos| plan(&subscriptions, &HashMap::from([granted(qos)]), &[]);
    assert_eq!(
        shown(&with(QoS::AtMostOnce)),
        ["ov/+/t < ", "ov/# < ov/+/t"]
    );
    assert_eq!(shown(&with(QoS::ExactlyOnce)), ["ov/# < ", "ov/+/t < ov/#"]);
}

#[test]
fn filters_that_are_left_do_not_count() {
    let subscriptions = subscriptions(&[("ov/#", 2), ("ov/+/t", 2)]);
    let leaving = [TopicFilter::new("ov/#").unwrap()];
    let planned = plan(&subscriptions, &HashMap::new(), &leaving);
    assert_eq!(shown(&planned), ["ov/# < ", "ov/+/t < "]);
}

#[test]
fn identifiers_of_earlier_subscriptions_are_still_understood() {
    let mut copies = Copies::default();
    let before = vec![TopicFilter::new("ov/#").unwrap()];
    copies.set(&[], [(5, before)]);
    assert!(copies.is_on());
    assert!(copies.leaves_out("ov/1/t", &[5]));
    assert!(!copies.leaves_out("other", &[5]));
    copies.clear();
    assert!(!copies.is_on());
    assert!(!copies.leaves_out("ov/1/t", &[5]));
}

#[test]
fn the_first_pair_is_named() {
    let given = subscriptions(&[("a", 0), ("b/+", 0), ("b/c", 0)]);
    let (first, second) = first_pair(&given).unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("b/+", "b/c"));
    assert!(first_pair(&subscriptions(&[("a", 0), ("b", 0)])).is_none());
    let shared = subscriptions(&[("$share/a/#", 0), ("$share/b/#", 0)]);
    assert!(first_pair(&shared).is_none());
}

#[test]
fn the_first_pair_in_one_group_is_named() {
    let given = subscriptions(&[
        ("$share/a/#", 0),
        ("b", 0),
        ("$share/b/#", 0),
        ("$share/a/b", 0),
    ]);
    let (first, second) = first_pair_in_group(&given).unwrap();
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("$share/a/#", "$share/a/b")
    );
    assert!(first_pair_in_group(&given[..3]).is_none());
}
