//! Whether the settings of a client are in their ranges and go together.

use rand::RngExt;

use super::broker::BrokerAddress;
use super::client::ClientConfig;
#[cfg(feature = "tls")]
use super::tls::server_name;
#[cfg(feature = "websocket")]
use super::transport::Transport;
use crate::error::Error;
use crate::error::config::ConfigError;
use crate::protocol::Protocol;

impl ClientConfig {
    /// Returns whether the client identifier looks like a random one of [`checked`](Self::checked).
    pub fn has_random_client_id(&self) -> bool {
        self.client_id
            .strip_prefix(RANDOM_ID_PREFIX)
            .is_some_and(|random| {
                random.len() == RANDOM_ID_LENGTH
                    && random.bytes().all(|it| it.is_ascii_alphanumeric())
            })
    }

    /// Checks the configuration and returns it, with a random client identifier instead of an empty
    /// one that is not to be sent.
    ///
    /// # Errors
    /// [`Error::EmptyClientId`] for an empty client identifier with clean session off,
    /// [`Error::Topic`] for a response topic that is not a topic name, and [`Error::Config`] for a
    /// value out of its range and for values that don't go together.
    pub fn checked(mut self) -> Result<Self, Error> {
        if self.client_id.is_empty() {
            if !self.clean_session {
                return Err(Error::EmptyClientId);
            }
            if !self.sends_empty_client_id || self.protocol == Protocol::V31 {
                self.client_id = random_client_id();
            }
        }
        self.check_texts()?;
        self.connect_properties().check()?;
        if let Some(properties) = &self.release_properties {
            properties.check()?;
        }
        if let Some(properties) = self.will.as_ref().and_then(|will| will.properties.as_ref()) {
            properties.check()?;
        }
        self.check_authentication()?;
        self.check_transport()?;
        self.check_numbers()?;
        Ok(self)
    }

    fn check_texts(&self) -> Result<(), ConfigError> {
        let characters = self.client_id.chars().count();
        if self.protocol == Protocol::V31 && characters > 23 {
            return Err(ConfigError::ClientIdTooLong { characters });
        }
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let will = self.will.as_ref().map_or(0, |will| will.payload.len());
        for (name, length) in [
            ("the client identifier", self.client_id.len()),
            ("the user name", length(&self.username)),
            ("the password", length(&self.password)),
            ("the will's payload", will),
        ] {
            if length > 65_535 {
                return Err(ConfigError::TooLong {
                    name,
                    length,
                    limit: 65_535,
                });
            }
        }
        for (name, text) in [
            ("the client identifier", Some(&self.client_id)),
            ("the user name", self.username.as_ref()),
        ] {
            if text.is_some_and(|text| text.contains('\0')) {
                return Err(ConfigError::Nul(name));
            }
        }
        Ok(())
    }

    fn check_authentication(&self) -> Result<(), ConfigError> {
        if self.authentication_data.is_some() && self.authentication_method.is_none() {
            return Err(ConfigError::AuthenticationDataWithoutMethod);
        }
        if self.password.is_some() && self.username.is_none() && !self.protocol.is_v5() {
            return Err(ConfigError::PasswordWithoutUserName);
        }
        Ok(())
    }

    /// Checks what can't work together, before anything connects.
    fn check_transport(&self) -> Result<(), ConfigError> {
        self.all_brokers().try_for_each(|it| self.check_broker(&it))
    }

    fn check_broker(&self, broker: &BrokerAddress) -> Result<(), ConfigError> {
        #[cfg(unix)]
        if broker.transport.path().is_some() {
            #[cfg(feature = "tls")]
            if broker.tls.is_some() {
                return Err(ConfigError::UnixSocketWithTls);
            }
            for (set, name) in [
                (self.proxy.is_some(), "proxy"),
                (self.bind_address.is_some(), "local address"),
            ] {
                if set {
                    return Err(ConfigError::UnixSocketWith(name));
                }
            }
        }
        #[cfg(feature = "tls")]
        if broker.tls.is_some() {
            server_name(&broker.host)?;
        }
        #[cfg(feature = "websocket")]
        if let Transport::WebSocket(options) = &broker.transport {
            options.check()?;
        }
        match &self.proxy {
            None => Ok(()),
            Some(proxy) => proxy.check(&broker.host),
        }
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        if self.keep_alive.subsec_nanos() > 0 {
            return Err(ConfigError::KeepAliveNotWholeSeconds(self.keep_alive));
        }
        if self.keep_alive.as_secs() > 65_535 {
            return Err(ConfigError::KeepAliveTooLong(self.keep_alive));
        }
        for (name, value) in [
            ("max_inflight", self.max_inflight.into()),
            ("max_queued", self.max_queued.into()),
            ("receive_maximum", self.receive_maximum.into()),
            ("maximum_packet_size", self.maximum_packet_size),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        Ok(())
    }
}

/// Returns a client identifier of 18 letters and digits, `iot-` first: every MQTT version allows it
/// [MQTT-3.1.3-5].
const RANDOM_ID_PREFIX: &str = "iot-";
const RANDOM_ID_LENGTH: usize = 14;

fn random_client_id() -> String {
    let mut rng = rand::rng();
    let random = (0..RANDOM_ID_LENGTH).map(|_| char::from(rng.sample(rand::distr::Alphanumeric)));
    RANDOM_ID_PREFIX.chars().chain(random).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::message::{Properties, QoS};
    use crate::topic::TopicName;
    use crate::will::Will;

    #[test]
    fn an_empty_client_id_becomes_a_random_one() {
        let first = ClientConfig::default().checked().unwrap().client_id;
        let second = ClientConfig::default().checked().unwrap().client_id;
        assert_ne!(first, second);
        assert!(first.len() <= 23 && first.starts_with("iot-"), "{first}");
    }

    #[test]
    fn an_empty_client_id_is_kept_if_it_is_to_be_sent() {
        let of = |protocol| {
            let config = ClientConfig {
                protocol,
                sends_empty_client_id: true,
                ..ClientConfig::default()
            };
            config.checked().unwrap().client_id
        };
        assert_eq!(of(Protocol::V311), "");
        assert_eq!(of(Protocol::V5), "");
        assert_ne!(of(Protocol::V31), "");
    }

    #[test]
    fn an_empty_client_id_with_clean_session_off_is_an_error_that_says_so() {
        let config = ClientConfig {
            clean_session: false,
            ..ClientConfig::default()
        };
        assert_eq!(
            config.checked().unwrap_err().to_string(),
            "an empty client identifier needs clean session on: without one the broker cannot find the session again"
        );
    }

    #[test]
    fn mqtt_3_1_takes_client_ids_of_23_characters() {
        let of = |protocol, length| {
            let config = ClientConfig {
                protocol,
                ..ClientConfig::new("ü".repeat(length))
            };
            config.checked().map(|config| config.client_id.len())
        };
        assert_eq!(of(Protocol::V31, 23).unwrap(), 46);
        assert_eq!(
            of(Protocol::V31, 24).unwrap_err().to_string(),
            "the client identifier has 24 characters, MQTT 3.1 allows at most 23"
        );
        assert!(of(Protocol::V311, 24).is_ok() && of(Protocol::V5, 24).is_ok());
        // The random one fits.
        assert_eq!(of(Protocol::V31, 0).unwrap(), 18);
    }

    #[test]
    fn values_out_of_range_are_named() {
        #[track_caller]
        fn case(config: ClientConfig, expected: &str) {
            assert_eq!(config.checked().unwrap_err().to_string(), expected);
        }
        let default = ClientConfig::default;
        case(
            ClientConfig {
                keep_alive: Duration::from_secs(65_536),
                ..default()
            },
            "the keep alive is 65536 s, at most 65,535 s are allowed",
        );
        case(
            ClientConfig {
                keep_alive: Duration::from_millis(1_500),
                ..default()
            },
            "the keep alive is 1.5s, it has to be whole seconds",
        );
        case(
            ClientConfig {
                username: Some("a\0".into()),
                ..default()
            },
            "the user name holds a NUL character",
        );
        case(
            ClientConfig {
                password: Some("s3cret".into()),
                ..default()
            },
            "a password needs a user name (MQTT 3.1.1 [MQTT-3.1.2-22])",
        );
        case(
            ClientConfig {
                maximum_packet_size: 0,
                ..default()
            },
            "maximum_packet_size is 0, at least 1 is needed",
        );
        case(
            ClientConfig {
                will: Some(Will {
                    topic: TopicName::new("t").unwrap(),
                    payload: Bytes::new(),
                    qos: QoS::AtMostOnce,
                    retain: false,
                    properties: Some(Properties {
                        content_type: Some("\0".into()),
                        ..Properties::default()
                    }),
                }),
                ..default()
            },
            "a content type holds a NUL character",
        );
    }

    #[test]
    fn debug_output_does_not_show_the_password() {
        let config = ClientConfig {
            username: Some("ada".into()),
            password: Some("s3cret".into()),
            ..ClientConfig::default()
        };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
