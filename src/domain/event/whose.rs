//! Whose a delivery is.

use super::About;
use crate::domain::ids::ConnectionId;
use crate::domain::subscription::Scope;

/// A living connection that a delivery may be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// Its id.
    pub id: ConnectionId,
    /// Its Calendly user; `None` while not known.
    pub user: Option<Box<str>>,
}

/// The path's connection, where the delivery's user fits it.
#[must_use]
pub fn at_path<'a>(path: Option<&str>, about: &About, known: &'a [Addressee]) -> Option<&'a Addressee> {
    let by = about.created_by.as_deref();
    let fits = |one: &&Addressee| one.user.is_none() || by.is_none() || one.user.as_deref() == by;
    known.iter().find(|one| path == Some(one.id.as_str())).filter(fits)
}

/// The path's connection where the delivery's user fits it; else that user's connections; with organization scope those
/// of the meeting's hosts, and where none of them is connected, of the user who subscribed. `known` holds at least the
/// path's connection and those of every user named. Empty where it is nobody's.
#[must_use]
pub fn whose(
    path: Option<&str>,
    about: Option<&About>,
    known: &[Addressee],
    scope: Scope,
) -> Vec<ConnectionId> {
    let Some(about) = about else {
        let named = known.iter().find(|one| path == Some(one.id.as_str()));
        return named.map(|one| one.id.clone()).into_iter().collect();
    };
    if let Some(one) = at_path(path, about, known) {
        return vec![one.id.clone()];
    }
    let by = about.created_by.as_deref();
    let of = |is_one: &dyn Fn(&str) -> bool| -> Vec<ConnectionId> {
        let some = known.iter().filter(|one| one.user.as_deref().is_some_and(is_one));
        let mut some: Vec<_> = some.map(|one| one.id.clone()).collect();
        some.sort();
        some.dedup();
        some
    };
    if scope == Scope::Organization {
        let hosts = of(&|user| about.members.contains(user));
        if !hosts.is_empty() {
            return hosts;
        }
    }
    of(&|user| Some(user) == by)
}

/// The organization that the path names, as Calendly writes it: it is written like the users of the delivery.
#[must_use]
pub fn organization_of(path: Option<&str>, about: &About) -> Option<Box<str>> {
    let path = path.filter(|path| !path.is_empty())?;
    let user = about.created_by.as_ref().or_else(|| about.members.first())?;
    let (place, _) = user.rsplit_once("/users/")?;
    Some(format!("{place}/organizations/{path}").into())
}

#[cfg(test)]
mod tests {
    use super::super::recognise;
    use super::*;

    fn known() -> Vec<Addressee> {
        [("a", Some("U1")), ("b", Some("U1")), ("c", Some("U2")), ("new", None)]
            .map(|(id, user)| Addressee { id: id.parse().unwrap(), user: user.map(Into::into) })
            .into()
    }

    fn ask(path: Option<&str>, by: &str, hosts: &[&str], scope: Scope) -> Vec<String> {
        let hosts: Vec<_> = hosts.iter().map(|user| serde_json::json!({ "user": user })).collect();
        let body = serde_json::json!({
            "event": "invitee.created", "created_by": by,
            "payload": {"uri": "i", "scheduled_event": {"event_memberships": hosts}},
        });
        let about = recognise(body.to_string().as_bytes());
        whose(path, about.as_ref(), &known(), scope).into_iter().map(Into::into).collect()
    }

    #[test]
    fn the_path_names_one_where_the_user_fits() {
        assert_eq!(ask(Some("b"), "U1", &[], Scope::User), ["b"]);
        assert_eq!(ask(Some("new"), "U9", &[], Scope::User), ["new"]);
        assert_eq!(ask(Some("a"), "U1", &["U2"], Scope::Organization), ["a"]);
    }

    #[test]
    fn else_it_is_for_all_connections_of_the_user() {
        assert_eq!(ask(None, "U1", &["U2"], Scope::User), ["a", "b"]);
        assert_eq!(ask(Some("c"), "U1", &[], Scope::User), ["a", "b"]);
        assert_eq!(ask(Some("deleted"), "U2", &[], Scope::User), ["c"]);
    }

    #[test]
    fn an_organizations_is_for_the_hosts_else_for_who_subscribed() {
        assert_eq!(ask(Some("ORG"), "U9", &["U2", "U7"], Scope::Organization), ["c"]);
        assert_eq!(ask(Some("ORG"), "U2", &["U1", "U2"], Scope::Organization), ["a", "b", "c"]);
        assert_eq!(ask(Some("ORG"), "U2", &["U7"], Scope::Organization), ["c"]);
    }

    #[test]
    fn the_organization_is_the_paths_where_calendlys_users_live() {
        let of = |path, by| {
            let body = serde_json::json!({ "event": "invitee.created", "created_by": by, "payload": {} });
            organization_of(path, &recognise(body.to_string().as_bytes()).unwrap()).map(String::from)
        };
        let by = "https://api.calendly.com/users/U";
        assert_eq!(of(Some("ORG"), by).unwrap(), "https://api.calendly.com/organizations/ORG");
        assert_eq!((of(None, by), of(Some(""), by), of(Some("ORG"), "U")), (None, None, None));
    }

    #[test]
    fn some_are_nobodys() {
        assert!(ask(Some("deleted"), "U9", &["U8"], Scope::Organization).is_empty());
        assert!(whose(None, None, &known(), Scope::User).is_empty());
        assert_eq!(whose(Some("c"), None, &known(), Scope::User), ["c".parse().unwrap()]);
    }
}
