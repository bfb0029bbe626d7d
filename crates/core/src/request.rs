//! What a program asks of the broker: one value for each verb, with its MQTT 5 properties.

use crate::error::{ConfigError, Error};
use crate::message::Properties;
use crate::packet::Subscription;
use crate::reason::ReasonCode;
use crate::session::{AckToken, ReleaseToken};
use crate::topic::TopicFilter;

/// A SUBSCRIBE (MQTT 5 §3.8). A list of subscriptions becomes one without properties.
///
/// ```
/// use iot_core::{Properties, QoS, SubscribeRequest, TopicFilter};
///
/// # fn main() -> Result<(), iot_core::Error> {
/// let request = SubscribeRequest::from([(TopicFilter::new("iot/#")?, QoS::AtLeastOnce)])
///     .with_properties(Properties {
///         subscription_identifiers: vec![7],
///         ..Properties::default()
///     });
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SubscribeRequest {
    /// The topic filters, each with its options.
    pub subscriptions: Vec<Subscription>,
    /// MQTT 5 only: a subscription identifier, user properties.
    pub properties: Option<Properties>,
}

impl<I: IntoIterator<Item: Into<Subscription>>> From<I> for SubscribeRequest {
    fn from(subscriptions: I) -> Self {
        Self {
            subscriptions: subscriptions.into_iter().map(Into::into).collect(),
            properties: None,
        }
    }
}

impl SubscribeRequest {
    /// Sets the properties.
    #[must_use]
    pub fn with_properties(self, properties: Properties) -> Self {
        Self {
            properties: Some(properties),
            ..self
        }
    }
}

/// An UNSUBSCRIBE (MQTT 5 §3.10). A list of topic filters becomes one without properties.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnsubscribeRequest {
    /// The topic filters, as they were subscribed to.
    pub filters: Vec<TopicFilter>,
    /// MQTT 5 only: user properties.
    pub properties: Option<Properties>,
}

impl<I: IntoIterator<Item = TopicFilter>> From<I> for UnsubscribeRequest {
    fn from(filters: I) -> Self {
        Self {
            filters: filters.into_iter().collect(),
            properties: None,
        }
    }
}

impl UnsubscribeRequest {
    /// Sets the properties.
    #[must_use]
    pub fn with_properties(self, properties: Properties) -> Self {
        Self {
            properties: Some(properties),
            ..self
        }
    }
}

/// The PUBACK or PUBREC of a received message (MQTT 5 §3.4, §3.5). A token becomes one of success.
#[derive(Debug, Clone)]
pub struct AckRequest {
    pub(crate) token: AckToken,
    pub(crate) reason: ReasonCode,
    pub(crate) properties: Option<Box<Properties>>,
}

impl From<&AckToken> for AckRequest {
    fn from(token: &AckToken) -> Self {
        Self {
            token: *token,
            reason: ReasonCode::SUCCESS,
            properties: None,
        }
    }
}

impl AckRequest {
    /// Returns an acknowledgement with a reason code and properties for an MQTT 5 broker; the
    /// earlier versions know success only. A code of 128 or above refuses the message: the broker
    /// drops it.
    ///
    /// # Errors
    /// [`Error::Config`] for a code that no acknowledgement has, and for properties out of range.
    pub fn new(
        token: &AckToken,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<Self, Error> {
        let allowed = matches!(
            reason.0,
            0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99
        );
        if !allowed {
            return Err(ConfigError::AckReason(reason).into());
        }
        if let Some(properties) = &properties {
            properties.check()?;
        }
        Ok(Self {
            token: *token,
            reason,
            properties: properties.map(Box::new),
        })
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.reason == ReasonCode::SUCCESS && self.properties.is_none()
    }
}

/// The PUBCOMP of a released QoS 2 message (MQTT 5 §3.7). A token becomes one without properties.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    pub(crate) token: ReleaseToken,
    pub(crate) properties: Option<Box<Properties>>,
}

impl From<&ReleaseToken> for ReleaseRequest {
    fn from(token: &ReleaseToken) -> Self {
        Self {
            token: *token,
            properties: None,
        }
    }
}

impl ReleaseRequest {
    /// Returns a PUBCOMP with a reason string and user properties for an MQTT 5 broker.
    ///
    /// # Errors
    /// [`Error::Config`] for properties out of their range.
    pub fn new(token: &ReleaseToken, properties: Properties) -> Result<Self, Error> {
        properties.check()?;
        Ok(Self {
            token: *token,
            properties: Some(Box::new(properties)),
        })
    }
}

/// A DISCONNECT (MQTT 5 §3.14). A reason code becomes one without properties; the earlier versions
/// send neither.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DisconnectRequest {
    /// Why the connection ends; after [`ReasonCode::DISCONNECT_WITH_WILL`] the broker publishes the
    /// will.
    pub reason: ReasonCode,
    /// MQTT 5 only: a session expiry interval, a reason string, user properties.
    pub properties: Option<Properties>,
}

impl From<ReasonCode> for DisconnectRequest {
    fn from(reason: ReasonCode) -> Self {
        Self {
            reason,
            properties: None,
        }
    }
}

impl DisconnectRequest {
    /// Sets the properties.
    #[must_use]
    pub fn with_properties(self, properties: Properties) -> Self {
        Self {
            properties: Some(properties),
            ..self
        }
    }
}
