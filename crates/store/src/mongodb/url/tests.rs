use super::*;

#[track_caller]
fn name(url: &str, expected: &str) {
    assert_eq!(Url::parse(url).unwrap().name("sensors"), expected);
}

#[track_caller]
fn refused(url: &str, expected: &str) {
    let error = Url::parse(url)
        .err()
        .unwrap_or_else(|| panic!("not refused: {url}"));
    assert_eq!(format!("{error:#}"), expected);
}

#[test]
fn a_name_has_no_password_and_the_database_it_means() {
    name(
        "mongodb://localhost",
        "mongodb://localhost:27017/iot_service.sensors",
    );
    name(
        "mongodb://localhost:1/home",
        "mongodb://localhost:1/home.sensors",
    );
    name(
        "mongodb://u:secret@h1,h2:2/?replicaSet=rs",
        "mongodb://u@h1:27017,h2:2/iot_service.sensors",
    );
    name(
        "mongodb://u:se%40cr%3Aet@h",
        "mongodb://u@h:27017/iot_service.sensors",
    );
    name(
        "mongodb://u@h/db?authMechanism=MONGODB-X509",
        "mongodb://u@h:27017/db.sensors",
    );
    name(
        "mongodb://u:p@h/?appName=a@b",
        "mongodb://u@h:27017/iot_service.sensors",
    );
    name(
        "mongodb://[::1]:5/",
        "mongodb://[::1]:5/iot_service.sensors",
    );
    name(
        "mongodb://%2Ftmp%2Fm.sock",
        "mongodb:///tmp/m.sock/iot_service.sensors",
    );
}

#[test]
fn a_name_that_is_looked_up_is_shown_as_that() {
    name(
        "mongodb+srv://u:secret@db.example.org/home?tls=false",
        "mongodb+srv://u@db.example.org/home.sensors",
    );
    refused(
        "mongodb+srv://u:secret@db.example.org:27017/home",
        "`mongodb+srv://…` is not a valid MongoDB URL: check its name (the form is `mongodb+srv://NAME`, without a port)",
    );
    refused(
        "mongodb+srv://u:secret@db.example.org/?w=1",
        "the option `w` in the URL of `mongodb+srv://u@db.example.org` weakens the write concern: readings are written with w=majority and journal=true (remove the option)",
    );
}

#[test]
fn what_is_redacted_has_no_password_and_no_option() {
    assert_eq!(
        redact("mongodb://u:secret@h/db?tlsCertificateKeyFilePassword=secret"),
        "mongodb://…"
    );
    assert_eq!(
        redact("mongodb://u:secret@h/db?appName=secret"),
        "mongodb://u@h:27017/db"
    );
    assert_eq!(redact("mongodb://localhost"), "mongodb://localhost:27017");
    for url in [
        "mongodb://u:secret",
        "secret",
        "mongodb://u:sec@ret@h",
        "mongodb://u:sec?ret@h",
        "mongodb://u:s/e@h",
    ] {
        assert_eq!(redact(url), "mongodb://…");
    }
}

#[test]
fn a_weaker_write_concern_is_refused() {
    let concerns = [
        "w=0",
        "w=1",
        "W=2",
        "w=mine",
        "w=",
        "journal=false",
        "JOURNAL=False",
        "Journal=0",
        "j=false",
        "w=majority&journal=false",
        "w=0&journal=true",
        "w=majority&w=1",
        "w=MAJORITY&w=0",
        "%77=1",
    ];
    for concern in concerns {
        let url = format!("mongodb://u:secret@h/?appName=a&{concern}");
        let error = Url::parse(&url)
            .err()
            .unwrap_or_else(|| panic!("not refused: {concern}"));
        let error = error.to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    refused(
        "mongodb://u:secret@h/?W=1",
        "the option `W` in the URL of `mongodb://u@h:27017` weakens the write concern: readings are written with w=majority and journal=true (remove the option)",
    );
    for concern in [
        "w=majority",
        "W=Majority",
        "journal=true",
        "Journal=true",
        "wtimeoutMS=5",
    ] {
        assert!(
            Url::parse(&format!("mongodb://h/?{concern}")).is_ok(),
            "{concern}"
        );
    }
}

#[test]
fn a_fault_is_reported_without_the_password() {
    let parts = "check its user and password (in them `@` is written `%40`, `:` `%3A`, `/` `%2F`, `?` `%3F`, `%` `%25`)";
    for url in [
        "mongodb://u:sec@ret@host",
        "mongodb://u:sec/ret@host",
        "mongodb://u:sec?ret@host",
        "mongodb://u:sec:ret@host",
        "mongodb://u:sec%ret@host",
        "mongodb://:secret@host",
    ] {
        refused(
            url,
            &format!("`mongodb://…` is not a valid MongoDB URL: {parts}"),
        );
    }
    for (url, expected) in [
        (
            "localhost:27017",
            "it must begin with `mongodb://` or `mongodb+srv://`",
        ),
        (
            "mongodb://",
            "check its hosts and ports (the form is `mongodb://HOST:PORT`)",
        ),
        (
            "mongodb://user:secret",
            "check its hosts and ports (the form is `mongodb://HOST:PORT`)",
        ),
        (
            "mongodb://u:secret@host:99999",
            "check its hosts and ports (the form is `mongodb://HOST:PORT`)",
        ),
        ("mongodb://u:secret@host/a$b", "check its database"),
        (
            "mongodb://u:secret@host/?connectTimeoutMS=secret",
            "check its option `connectTimeoutMS`",
        ),
        (
            "mongodb://u:secret@host/?nonsense=secret",
            "check its option `nonsense`",
        ),
    ] {
        refused(
            url,
            &format!("`mongodb://…` is not a valid MongoDB URL: {expected}"),
        );
    }
}
