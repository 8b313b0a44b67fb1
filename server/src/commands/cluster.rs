//! Commands of cluster mode, which this server does not have: each is known, and refused as Redis refuses it.

use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("asking", "3.0.0", Group::Cluster, 1, Run::Engine(disabled))
        .flags(Flags::FAST)
        .categories(Categories::CONNECTION)
        .summary("Signals that a cluster client is following an -ASK redirect.")
        .complexity("O(1)"),
    Command::new("cluster", "3.0.0", Group::Cluster, -2, Run::Container)
        .summary("A container for Redis Cluster commands.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            Command::new(
                "addslots",
                "3.0.0",
                Group::Cluster,
                -3,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::new("slot", ArgKind::Integer).multiple()])
            .summary("Assigns new hash slots to a node.")
            .complexity("O(N) where N is the total number of hash slot arguments"),
            Command::new(
                "addslotsrange",
                "7.0.0",
                Group::Cluster,
                -4,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::block(
                "range",
                &[
                    Arg::new("start-slot", ArgKind::Integer),
                    Arg::new("end-slot", ArgKind::Integer),
                ],
            )
            .multiple()])
            .summary("Assigns new hash slot ranges to a node.")
            .complexity(
                "O(N) where N is the total number of the slots between the \
                 start slot and end slot arguments.",
            ),
            Command::new(
                "bumpepoch",
                "3.0.0",
                Group::Cluster,
                2,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .summary("Advances the cluster config epoch.")
            .complexity("O(1)")
            .tips(&["nondeterministic_output"]),
            Command::new(
                "count-failure-reports",
                "3.0.0",
                Group::Cluster,
                3,
                Run::Engine(disabled),
            )
            .flags(Flags::ADMIN.union(Flags::STALE))
            .args(&[Arg::new("node-id", ArgKind::String)])
            .summary(
                "Returns the number of active failure reports active for a \
                 node.",
            )
            .complexity("O(N) where N is the number of failure reports")
            .tips(&["nondeterministic_output"]),
            Command::new(
                "countkeysinslot",
                "3.0.0",
                Group::Cluster,
                3,
                Run::Engine(disabled),
            )
            .flags(Flags::STALE)
            .args(&[Arg::new("slot", ArgKind::Integer)])
            .summary("Returns the number of keys in a hash slot.")
            .complexity("O(1)"),
            Command::new(
                "delslots",
                "3.0.0",
                Group::Cluster,
                -3,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::new("slot", ArgKind::Integer).multiple()])
            .summary("Sets hash slots as unbound for a node.")
            .complexity("O(N) where N is the total number of hash slot arguments"),
            Command::new(
                "delslotsrange",
                "7.0.0",
                Group::Cluster,
                -4,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::block(
                "range",
                &[
                    Arg::new("start-slot", ArgKind::Integer),
                    Arg::new("end-slot", ArgKind::Integer),
                ],
            )
            .multiple()])
            .summary("Sets hash slot ranges as unbound for a node.")
            .complexity(
                "O(N) where N is the total number of the slots between the \
                 start slot and end slot arguments.",
            ),
            Command::new(
                "failover",
                "3.0.0",
                Group::Cluster,
                -2,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::one_of(
                "options",
                &[
                    Arg::word("force", "FORCE"),
                    Arg::word("takeover", "TAKEOVER"),
                ],
            )
            .optional()])
            .summary("Forces a replica to perform a manual failover of its master.")
            .complexity("O(1)"),
            Command::new(
                "flushslots",
                "3.0.0",
                Group::Cluster,
                2,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .summary("Deletes all slots information from a node.")
            .complexity("O(1)"),
            Command::new("forget", "3.0.0", Group::Cluster, 3, Run::Engine(disabled))
                .flags(
                    Flags::ADMIN
                        .union(Flags::STALE)
                        .union(Flags::NO_ASYNC_LOADING),
                )
                .args(&[Arg::new("node-id", ArgKind::String)])
                .summary("Removes a node from the nodes table.")
                .complexity("O(1)"),
            Command::new(
                "getkeysinslot",
                "3.0.0",
                Group::Cluster,
                4,
                Run::Engine(disabled),
            )
            .flags(Flags::STALE)
            .args(&[
                Arg::new("slot", ArgKind::Integer),
                Arg::new("count", ArgKind::Integer),
            ])
            .summary("Returns the key names in a hash slot.")
            .complexity("O(N) where N is the number of requested keys")
            .tips(&["nondeterministic_output"]),
            Command::new("help", "5.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::LOADING.union(Flags::STALE))
                .summary("Returns helpful text about the different subcommands.")
                .complexity("O(1)"),
            Command::new("info", "3.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::STALE)
                .summary("Returns information about the state of a node.")
                .complexity("O(1)")
                .tips(&["nondeterministic_output"]),
            Command::new("keyslot", "3.0.0", Group::Cluster, 3, Run::Engine(disabled))
                .flags(Flags::STALE)
                .args(&[Arg::new("key", ArgKind::String)])
                .summary("Returns the hash slot for a key.")
                .complexity("O(N) where N is the number of bytes in the key"),
            Command::new("links", "7.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::STALE)
                .summary("Returns a list of all TCP links to and from peer nodes.")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .tips(&["nondeterministic_output"]),
            Command::new("meet", "3.0.0", Group::Cluster, -4, Run::Engine(disabled))
                .flags(
                    Flags::ADMIN
                        .union(Flags::STALE)
                        .union(Flags::NO_ASYNC_LOADING),
                )
                .args(&[
                    Arg::new("ip", ArgKind::String),
                    Arg::new("port", ArgKind::Integer),
                    Arg::new("cluster-bus-port", ArgKind::Integer)
                        .since("4.0.0")
                        .optional(),
                ])
                .summary("Forces a node to handshake with another node.")
                .complexity("O(1)")
                .history(&[("4.0.0", "Added the optional `cluster_bus_port` argument.")]),
            Command::new("myid", "3.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::STALE)
                .summary("Returns the ID of a node.")
                .complexity("O(1)"),
            Command::new(
                "myshardid",
                "7.2.0",
                Group::Cluster,
                2,
                Run::Engine(disabled),
            )
            .flags(Flags::STALE)
            .summary("Returns the shard ID of a node.")
            .complexity("O(1)")
            .tips(&["nondeterministic_output"]),
            Command::new("nodes", "3.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::STALE)
                .summary("Returns the cluster configuration for a node.")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .tips(&["nondeterministic_output"]),
            Command::new(
                "replicas",
                "5.0.0",
                Group::Cluster,
                3,
                Run::Engine(disabled),
            )
            .flags(Flags::ADMIN.union(Flags::STALE))
            .args(&[Arg::new("node-id", ArgKind::String)])
            .summary("Lists the replica nodes of a master node.")
            .complexity("O(N) where N is the number of replicas.")
            .tips(&["nondeterministic_output"]),
            Command::new(
                "replicate",
                "3.0.0",
                Group::Cluster,
                3,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::new("node-id", ArgKind::String)])
            .summary("Configure a node as replica of a master node.")
            .complexity("O(1)"),
            Command::new("reset", "3.0.0", Group::Cluster, -2, Run::Engine(disabled))
                .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::STALE))
                .args(&[Arg::one_of(
                    "reset-type",
                    &[Arg::word("hard", "HARD"), Arg::word("soft", "SOFT")],
                )
                .optional()])
                .summary("Resets a node.")
                .complexity(
                    "O(N) where N is the number of known nodes. The command may \
                 execute a FLUSHALL as a side effect.",
                ),
            Command::new(
                "saveconfig",
                "3.0.0",
                Group::Cluster,
                2,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .summary("Forces a node to save the cluster configuration to disk.")
            .complexity("O(1)"),
            Command::new(
                "set-config-epoch",
                "3.0.0",
                Group::Cluster,
                3,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[Arg::new("config-epoch", ArgKind::Integer)])
            .summary("Sets the configuration epoch for a new node.")
            .complexity("O(1)"),
            Command::new(
                "setslot",
                "3.0.0",
                Group::Cluster,
                -4,
                Run::Engine(disabled),
            )
            .flags(
                Flags::ADMIN
                    .union(Flags::STALE)
                    .union(Flags::NO_ASYNC_LOADING),
            )
            .args(&[
                Arg::new("slot", ArgKind::Integer),
                Arg::one_of(
                    "subcommand",
                    &[
                        Arg::new("importing", ArgKind::String)
                            .display("node-id")
                            .token("IMPORTING"),
                        Arg::new("migrating", ArgKind::String)
                            .display("node-id")
                            .token("MIGRATING"),
                        Arg::new("node", ArgKind::String)
                            .display("node-id")
                            .token("NODE"),
                        Arg::word("stable", "STABLE"),
                    ],
                ),
            ])
            .summary("Binds a hash slot to a node.")
            .complexity("O(1)"),
            Command::new("shards", "7.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::LOADING.union(Flags::STALE))
                .summary("Returns the mapping of cluster slots to shards.")
                .complexity("O(N) where N is the total number of cluster nodes")
                .tips(&["nondeterministic_output"]),
            Command::new("slaves", "3.0.0", Group::Cluster, 3, Run::Engine(disabled))
                .flags(Flags::ADMIN.union(Flags::STALE))
                .args(&[Arg::new("node-id", ArgKind::String)])
                .summary("Lists the replica nodes of a master node.")
                .complexity("O(N) where N is the number of replicas.")
                .tips(&["nondeterministic_output"])
                .deprecated("5.0.0", "`CLUSTER REPLICAS`"),
            Command::new(
                "slot-stats",
                "8.2.0",
                Group::Cluster,
                -4,
                Run::Engine(disabled),
            )
            .flags(Flags::LOADING.union(Flags::STALE))
            .args(&[Arg::one_of(
                "filter",
                &[
                    Arg::block(
                        "slotsrange",
                        &[
                            Arg::new("start-slot", ArgKind::Integer),
                            Arg::new("end-slot", ArgKind::Integer),
                        ],
                    )
                    .token("SLOTSRANGE"),
                    Arg::block(
                        "orderby",
                        &[
                            Arg::new("metric", ArgKind::String),
                            Arg::new("limit", ArgKind::Integer)
                                .token("LIMIT")
                                .optional(),
                            Arg::one_of(
                                "order",
                                &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
                            )
                            .optional(),
                        ],
                    )
                    .token("ORDERBY"),
                ],
            )])
            .summary(
                "Return an array of slot usage statistics for slots assigned to \
                 the current node.",
            )
            .complexity(
                "O(N) where N is the total number of slots based on arguments. \
                 O(N*log(N)) with ORDERBY subcommand.",
            )
            .tips(&["nondeterministic_output", "request_policy:all_shards"]),
            Command::new("slots", "3.0.0", Group::Cluster, 2, Run::Engine(disabled))
                .flags(Flags::LOADING.union(Flags::STALE))
                .summary("Returns the mapping of cluster slots to nodes.")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .history(&[
                    ("4.0.0", "Added node IDs."),
                    ("7.0.0", "Added additional networking metadata field."),
                ])
                .tips(&["nondeterministic_output"])
                .deprecated("7.0.0", "`CLUSTER SHARDS`"),
        ]),
    Command::new(
        "readonly",
        "3.0.0",
        Group::Cluster,
        1,
        Run::Engine(disabled),
    )
    .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
    .categories(Categories::CONNECTION)
    .summary(
        "Enables read-only queries for a connection to a Redis Cluster \
             replica node.",
    )
    .complexity("O(1)"),
    Command::new(
        "readwrite",
        "3.0.0",
        Group::Cluster,
        1,
        Run::Engine(disabled),
    )
    .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
    .categories(Categories::CONNECTION)
    .summary(
        "Enables read-write queries for a connection to a Reids Cluster \
         replica node.",
    )
    .complexity("O(1)"),
];

fn disabled(_: &mut Engine, _: &mut Call<'_>) -> Outcome {
    Err(Error::fixed(
        "ERR This instance has cluster support disabled",
    ))
}
