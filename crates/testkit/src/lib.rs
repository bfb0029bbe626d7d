//! Real servers, our own programs, and faulty networks and disks, for tests.
//!
//! Everything here is synchronous, so any test can use it, with or without a runtime. Each test
//! starts what it needs and shares nothing. A server or program ends when its value is dropped.
//!
//! If something is missing or late, the test panics at its own line, and shows what was printed or
//! logged by then.
//!
//! ```
//! use testkit::Broker;
//!
//! let broker = Broker::start();
//! let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-C", "1"]);
//! broker.wait_for_log("Received SUBSCRIBE", testkit::DEADLINE);
//! broker.mosquitto_pub(["-t", "iot/home2/temp", "-m", "25.5"]);
//! subscriber.wait_for_stdout("25.5");
//! ```

mod authority;
mod broker;
mod capture;
mod clock;
mod codecs;
mod disk;
mod install;
mod mongo;
mod nats;
mod net;
mod peer;
mod ports;
mod power;
mod program;
mod server;
mod socks;
mod sparkplug;
mod trace;
mod wait;

pub use authority::{Authority, KeyForm, Pair};
pub use broker::{Broker, BrokerBuilder};
pub use clock::FakeClock;
pub use codecs::binary_documents;
pub use disk::FaultyDisk;
pub use install::{mongod, mosquitto};
pub use mongo::{Mongo, MongoBuilder, MongoSet, MongosCommand, ScriptedMongos};
pub use nats::Nats;
pub use net::{FaultyNet, Way};
pub use peer::{Conversation, ScriptedPeer};
pub use power::{Loss, PoweredDisk};
pub use program::{Program, Running, program};
pub use socks::SocksProxy;
pub use sparkplug::sparkplug_peer;
pub use trace::{Call, read_trace, traced};
pub use wait::{Condition, DEADLINE, eventually};
