//! TLS: trusted authorities, client certificates, and messages of failures.

use std::fs;
use std::path::Path;

use iot_core::transport::{Tls, TlsOptions, TlsVersion};
use iot_core::{ClientConfig, Error};
use testkit::{Authority, Broker, KeyForm, Pair, ScriptedPeer};

use super::*;

fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions {
        cafile: Some(authority.path()),
        ..TlsOptions::default()
    }
}

fn with(tls: &TlsOptions, port: u16) -> ClientConfig {
    ClientConfig {
        tls: Some(tls.load().unwrap()),
        ..config(port)
    }
}

fn as_client(tls: TlsOptions, pair: Pair) -> TlsOptions {
    TlsOptions {
        cert: Some(pair.cert),
        key: Some(pair.key),
        ..tls
    }
}

/// A broker with a certificate of that authority for 127.0.0.1.
fn broker(authority: &Authority, config: &str) -> Broker {
    Broker::builder()
        .tls("tls", &authority.server(&["127.0.0.1"]), config)
        .start()
}

#[test]
fn carries_each_version_of_mqtt_over_each_of_tls() {
    let authority = Authority::new();
    let broker = broker(&authority, "");
    let large = vec![b'x'; 300_000];
    for version in [TlsVersion::V12, TlsVersion::V13] {
        for protocol in VERSIONS {
            let options = TlsOptions {
                version: Some(version),
                ..trusting(&authority)
            };
            let config = ClientConfig {
                protocol,
                ..with(&options, broker.port_of("tls"))
            };
            carries(config, &[b"25.5", &large, b""]);
        }
    }
}

#[test]
fn trusts_authorities_from_a_file_and_from_a_folder() {
    let (authority, other) = (Authority::new(), Authority::new());
    let broker = broker(&authority, "");
    fs::write(other.folder().join("junk"), b"\xff-----BEGIN").unwrap();
    fs::create_dir(other.folder().join("folder")).unwrap();
    fs::copy(authority.path(), other.folder().join("1a2b3c4d.0")).unwrap();
    let folder = TlsOptions {
        capath: Some(other.folder().into()),
        ..TlsOptions::default()
    };
    carries(with(&folder, broker.port_of("tls")), &[b"25.5"]);
    let both = TlsOptions {
        capath: Some(authority.folder().into()),
        ..trusting(&other)
    };
    carries(with(&both, broker.port_of("tls")), &[b"25.5"]);
}

#[test]
fn an_unknown_authority_is_refused_and_insecure_changes_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let broker = broker(&authority, "");
    for insecure in [false, true] {
        let options = TlsOptions {
            insecure,
            ..trusting(&other)
        };
        let config = with(&options, broker.port_of("tls"));
        fails_with(
            config,
            "the broker's certificate comes from an authority that is not trusted here (--cafile FILE trusts the one in FILE)",
            true,
        );
    }
    // The authorities of the system don't know it either.
    if let Ok(tls) = TlsOptions::default().load() {
        let config = ClientConfig {
            tls: Some(tls),
            ..config(broker.port_of("tls"))
        };
        assert!(fails(config).is_permanent());
    }
}

#[test]
fn another_host_name_is_refused_unless_insecure() {
    let authority = Authority::new();
    let broker = Broker::builder()
        .tls(
            "tls",
            &authority.server(&["broker.example", "10.0.0.1"]),
            "",
        )
        .tls("nameless", &authority.server(&[]), "")
        .start();
    let mut options = trusting(&authority);
    fails_with(
        with(&options, broker.port_of("tls")),
        "the broker's certificate is not for `127.0.0.1`: it names `broker.example`, `10.0.0.1` \
         (connect by such a name, or leave names unchecked with --insecure)",
        true,
    );
    fails_with(
        with(&options, broker.port_of("nameless")),
        "the broker's certificate is not for `127.0.0.1`: it holds no name at all (subjectAltName) \
         (connect by such a name, or leave names unchecked with --insecure)",
        true,
    );
    options.insecure = true;
    carries(with(&options, broker.port_of("tls")), &[b"25.5"]);
    carries(with(&options, broker.port_of("nameless")), &[b"25.5"]);
}

#[test]
fn a_certificate_out_of_its_time_is_refused_and_insecure_changes_nothing() {
    let authority = Authority::new();
    let broker = Broker::builder()
        .tls("past", &authority.expired(&["127.0.0.1"]), "")
        .tls("future", &authority.future(&["127.0.0.1"]), "")
        .start();
    for insecure in [false, true] {
        let options = TlsOptions {
            insecure,
            ..trusting(&authority)
        };
        fails_with(
            with(&options, broker.port_of("past")),
            "days ago (the broker needs a new one, unless this machine's clock is wrong)",
            true,
        );
        fails_with(
            with(&options, broker.port_of("future")),
            "the broker's certificate is not valid yet (is this machine's clock right?)",
            true,
        );
    }
}

#[test]
fn a_certificate_that_is_named_itself_is_trusted_for_its_names() {
    let authority = Authority::new();
    let itself = authority.signed_by_itself(&["127.0.0.1"]);
    let elsewhere = authority.signed_by_itself(&["elsewhere"]);
    let broker = Broker::builder().tls("tls", &itself, "").start();
    let named = |cert: &Path| TlsOptions {
        cafile: Some(cert.into()),
        ..TlsOptions::default()
    };
    carries(
        with(&named(&itself.cert), broker.port_of("tls")),
        &[b"25.5"],
    );
    let other = named(&elsewhere.cert);
    assert!(fails(with(&other, broker.port_of("tls"))).is_permanent());
    let wrong_name = authority.signed_by_itself(&["elsewhere"]);
    let broker = Broker::builder().tls("tls", &wrong_name, "").start();
    let mut options = named(&wrong_name.cert);
    fails_with(
        with(&options, broker.port_of("tls")),
        "(connect by such a name, or leave names unchecked with --insecure)",
        true,
    );
    options.insecure = true;
    carries(with(&options, broker.port_of("tls")), &[b"25.5"]);
}

#[test]
fn a_client_certificate_is_sent_if_the_broker_asks_for_one() {
    let (authority, other) = (Authority::new(), Authority::new());
    let wants = format!(
        "cafile {}\nrequire_certificate true\nuse_identity_as_username true",
        authority.path().display()
    );
    let broker = broker(&authority, &wants);
    let port = broker.port_of("tls");
    for version in [TlsVersion::V12, TlsVersion::V13] {
        let plain = TlsOptions {
            version: Some(version),
            ..trusting(&authority)
        };
        for pair in [
            authority.client("ada"),
            authority.client_with_key("rsa", KeyForm::Pkcs1),
            authority.client_with_key("sec", KeyForm::Sec1),
        ] {
            carries(with(&as_client(plain.clone(), pair), port), &[b"25.5"]);
        }
        let missing = fails(with(&plain, port));
        assert!(missing.is_permanent(), "{missing}");
        assert!(
            missing.to_string().contains("client certificate")
                && missing.to_string().contains("--cert FILE --key FILE"),
            "{missing}"
        );
        let wrong = fails(with(&as_client(plain, other.client("ada")), port));
        assert!(wrong.is_permanent(), "{wrong}");
        assert!(
            wrong.to_string().ends_with(
                "the broker does not know the authority of the client certificate (--cert)"
            ),
            "{wrong}"
        );
    }
    let log = broker.log();
    for user in ["u'ada'", "u'rsa'", "u'sec'"] {
        assert!(log.contains(user), "{user}");
    }
}

#[test]
fn whether_a_client_certificate_of_version_1_will_do_is_the_brokers_to_decide() {
    let authority = Authority::new();
    let wants = format!(
        "cafile {}\nrequire_certificate true\nuse_identity_as_username true",
        authority.path().display()
    );
    let broker = broker(&authority, &wants);
    let old = authority.client_of_version_1("old");
    for version in [TlsVersion::V12, TlsVersion::V13] {
        let plain = TlsOptions {
            version: Some(version),
            ..trusting(&authority)
        };
        let options = as_client(plain, old.clone());
        carries(with(&options, broker.port_of("tls")), &[b"25.5"]);
    }
    assert!(broker.log().contains("u'old'"));

    let other = authority.client_of_version_1("other");
    let mixed = TlsOptions {
        cert: Some(old.cert.clone()),
        key: Some(other.key.clone()),
        ..trusting(&authority)
    };
    wrong(
        &mixed,
        &format!(
            "private key `{}` does not belong to client certificate `{}`",
            other.key.display(),
            old.cert.display()
        ),
    );
}

#[test]
fn a_broker_without_tls_is_named() {
    let authority = Authority::new();
    let broker = Broker::start();
    let options = trusting(&authority);
    fails_with(
        with(&options, broker.port()),
        "the broker closed the connection during the TLS handshake (does it speak TLS on this port?)",
        false,
    );
    let peer = ScriptedPeer::listen();
    let port = peer.port();
    let answers = std::thread::spawn(move || {
        let mut conversation = peer.accept();
        conversation.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        conversation
    });
    fails_with(
        with(&options, port),
        "the broker does not speak TLS on this port",
        true,
    );
    answers.join().unwrap();
}

#[test]
fn versions_that_do_not_meet_are_named() {
    let authority = Authority::new();
    let broker = broker(&authority, "tls_version tlsv1.3");
    let options = TlsOptions {
        version: Some(TlsVersion::V12),
        ..trusting(&authority)
    };
    fails_with(
        with(&options, broker.port_of("tls")),
        "the broker speaks no TLS version that is allowed here (--tls-version)",
        true,
    );
}

#[test]
fn secrets_are_logged_if_a_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let authority = Authority::new();
    let broker = broker(&authority, "");
    let path = authority.folder().join("secrets");
    let options = TlsOptions {
        keylog: Some(path.clone()),
        ..trusting(&authority)
    };
    carries(with(&options, broker.port_of("tls")), &[b"25.5"]);
    let log = fs::read_to_string(&path).unwrap();
    assert!(log.contains("CLIENT_TRAFFIC_SECRET_0 "), "{log}");
    for line in log.lines() {
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words.len(), 3, "{line}");
        assert_eq!(words[1].len(), 64, "{line}");
        assert!(
            words[2].bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{line}"
        );
    }
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[track_caller]
fn wrong(options: &TlsOptions, expected: &str) {
    let error = options.load().unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn authorities_are_checked_before_anything_connects() {
    let authority = Authority::new();
    let folder = authority.folder();
    let key = authority.client("ada").key;
    let (empty, missing) = (folder.join("empty"), folder.join("missing"));
    fs::create_dir(&empty).unwrap();
    let file = |path: &Path| TlsOptions {
        cafile: Some(path.into()),
        ..TlsOptions::default()
    };
    let within = |path: &Path| TlsOptions {
        capath: Some(path.into()),
        ..TlsOptions::default()
    };
    let no_file = "no such file or directory";
    let shown = missing.display();
    wrong(
        &file(&missing),
        &format!("cannot read CA file `{shown}`: {no_file}"),
    );
    wrong(
        &within(&missing),
        &format!("cannot read the folder of authorities `{shown}`: {no_file}"),
    );
    wrong(
        &file(&key),
        &format!(
            "CA file `{}` holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            key.display()
        ),
    );
    wrong(
        &within(&empty),
        &format!(
            "no file in `{}` holds a certificate in PEM form",
            empty.display()
        ),
    );
    let log = TlsOptions {
        keylog: Some(empty.clone()),
        ..trusting(&authority)
    };
    wrong(
        &log,
        &format!(
            "cannot write the TLS key log `{}`: it is a directory, not a file",
            empty.display()
        ),
    );
    let junk = folder.join("junk");
    let begin_and_end = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&junk, begin_and_end).unwrap();
    let error = file(&junk).load().unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
}

#[test]
fn client_certificate_and_key_are_checked_before_anything_connects() {
    let authority = Authority::new();
    let [ada, ben] = ["ada", "ben"].map(|name| authority.client(name));
    let eve = authority.client_with_key("eve", KeyForm::Encrypted);
    let pair = |cert: &Path, key: &Path| TlsOptions {
        cert: Some(cert.into()),
        key: Some(key.into()),
        ..trusting(&authority)
    };
    wrong(
        &pair(&ada.cert, &ben.key),
        &format!(
            "private key `{}` does not belong to client certificate `{}`",
            ben.key.display(),
            ada.cert.display()
        ),
    );
    wrong(
        &pair(&ada.cert, &ada.cert),
        &format!(
            "`{}` holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)",
            ada.cert.display()
        ),
    );
    wrong(
        &pair(&eve.cert, &eve.key),
        &format!(
            "private key `{0}` is encrypted, which is not supported: `openssl pkey -in {0} -out PLAIN` decrypts it",
            eve.key.display()
        ),
    );
    let mut half = pair(&ada.cert, &ada.key);
    half.key = None;
    wrong(
        &half,
        "--cert needs --key FILE, the certificate's private key",
    );
    let mut half = pair(&ada.cert, &ada.key);
    half.cert = None;
    wrong(
        &half,
        "--key needs --cert FILE, the certificate that the key belongs to",
    );
}

#[test]
fn a_configuration_of_rustls_is_taken_as_it_is() {
    let authority = Authority::new();
    let loaded = trusting(&authority).load().unwrap();
    assert_eq!(loaded.options(), Some(&trusting(&authority)));
    assert_eq!(loaded, loaded.clone());
    assert_ne!(loaded, trusting(&authority).load().unwrap());
    let _: fn(_) -> Tls = Tls::from_rustls;
}
