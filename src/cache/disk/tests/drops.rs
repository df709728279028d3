//! What changed is dropped for all, at once, and doesn't come back.

use super::{
    super::{clock, store::Answer},
    LIFE, Place, keep, read, secret,
};
use crate::{provider::Listing, secret::Secret};

#[test]
fn an_update_is_seen_by_the_others_at_once() {
    let place = Place::new();
    let [ours, theirs] = [place.tier(), place.tier()];
    keep(&ours, "k", "old");
    let before = theirs.mark();
    assert_eq!(read(&theirs, "k").as_deref(), Some("old"));
    ours.store().drop_if(|label| label.path == "k");
    assert_ne!(theirs.mark(), before, "what they hold in memory is to be dropped");
    assert_eq!((read(&theirs, "k"), read(&ours, "k")), (None, None));
}

#[test]
fn an_answer_from_before_an_update_is_not_kept() {
    let place = Place::new();
    let [ours, theirs] = [place.tier(), place.tier()];
    let (asked, mark) = (clock::now(), theirs.mark().expect("a mark"));
    ours.store().drop_if(|_| false);
    theirs.keep(b"k", &Answer { path: "k", value: &secret("old"), asked, life: LIFE, mark });
    assert_eq!(read(&theirs, "k"), None);
    keep(&theirs, "k", "new");
    assert_eq!(read(&ours, "k").as_deref(), Some("new"));
}

#[test]
fn a_slow_answer_does_not_replace_a_later_one() {
    let place = Place::new();
    let [slow, fast] = [place.tier(), place.tier()];
    let (asked, mark) = (clock::now(), slow.mark().expect("a mark"));
    let later =
        Answer { path: "k", value: &secret("new"), asked: asked + 1, life: LIFE, mark: fast.mark().expect("a mark") };
    fast.keep(b"k", &later);
    slow.keep(b"k", &Answer { path: "k", value: &secret("old"), asked, life: LIFE, mark });
    assert_eq!(read(&slow, "k").as_deref(), Some("new"));
}

#[test]
fn what_has_several_names_is_dropped_under_all_of_them() {
    let place = Place::new();
    let tier = place.tier();
    for key in ["prod/db", "arn:whatever", "prod/db\0sAWSCURRENT", "other"] {
        keep(&tier, key, "old");
    }
    let mark = tier.mark().expect("a mark");
    let empty = Listing::default();
    for path in ["prod", "dev"] {
        tier.keep(path.as_bytes(), &Answer { path, value: &empty, asked: clock::now(), life: LIFE, mark });
    }
    tier.store().drop_if(|label| match label.listing {
        true => label.path == "prod",
        false => label.path != "other" && label.name == Some("arn:backend"),
    });
    for key in ["prod/db", "arn:whatever", "prod/db\0sAWSCURRENT"] {
        assert_eq!(read(&tier, key), None, "{key:?}");
    }
    assert_eq!(read(&tier, "other").as_deref(), Some("old"));
    assert!(tier.read::<Listing>(b"prod").is_none() && tier.read::<Listing>(b"dev").is_some());
}

#[test]
fn what_can_not_be_read_might_be_what_changed() {
    let place = Place::new();
    let theirs = place.tier_by(&place.with_other_key());
    keep(&theirs, "k", "old");
    place.tier().store().drop_if(|_| false);
    assert_eq!(read(&theirs, "k"), None);
}

#[test]
fn a_refused_secret_goes() {
    let place = Place::new();
    let tier = place.tier();
    keep(&tier, "k", "x");
    tier.forget::<Secret>(b"k");
    assert_eq!((read(&tier, "k"), place.files("r-").len()), (None, 0));
    tier.forget::<Secret>(b"k");
}
