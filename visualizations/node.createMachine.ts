// Written by `wdrip export`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const nodeMachine = createMachine({
  "id": "node",
  "description": "One node of the cluster: what is wrong with it, and the repair ladder that brings it back.",
  "initial": "unknown",
  "options": {
    "maxIterations": 100
  },
  "on": {
    "NODE_READY": {
      "guard": "isNews",
      "actions": "noteReady"
    },
    "NODE_NOT_READY": {
      "guard": "isNews",
      "actions": "noteNotReady"
    },
    "INSTANCE_CHANGED": {
      "guard": "changesWhatToDo",
      "actions": "noteInstance"
    },
    "SLOT_FILLED": [
      {
        "guard": "isFirstInstance",
        "target": ".joining",
        "actions": "fillSlot",
        "description": "Known anew, not new: what was tried on it counts, even if it is not known (safety 21)."
      },
      {
        "guard": "isAnotherInstance",
        "target": ".joining",
        "actions": [
          "fillSlot",
          "startFromBottom"
        ]
      }
    ],
    "SLOT_RETIRED": {
      "target": ".retiring",
      "actions": "forget",
      "description": "What was tried on it does not matter any more. A permit that it holds is kept for its end."
    },
    "SIGHT_LOST": {
      "actions": [
        "loseSight",
        "returnPermitUnseen"
      ]
    },
    "SIGHT_RETURNED": {
      "actions": "regainSight"
    },
    "REPAIRS_PAUSED": {
      "actions": "pause"
    },
    "REPAIRS_RESUMED": {
      "actions": "resume"
    },
    "POLICY_CHANGED": {
      "actions": "takePolicy"
    }
  },
  "states": {
    "unknown": {
      "description": "Not observed yet. Nothing is done on what is not known.",
      "on": {
        "NODE_READY": [
          {
            "guard": "isNewsAfterClimb",
            "target": "recovering",
            "actions": "noteReady"
          },
          {
            "guard": "isNews",
            "target": "healthy",
            "actions": "noteReady"
          }
        ],
        "NODE_NOT_READY": {
          "guard": "isNews",
          "target": "suspect",
          "actions": "noteNotReady"
        },
        "NODE_JOINING": {
          "target": "joining"
        }
      }
    },
    "joining": {
      "description": "A new instance that has not been Ready yet: its first start takes minutes.",
      "always": [
        {
          "guard": "isReadyAfterClimb",
          "target": "#node.recovering"
        },
        {
          "guard": "isReady",
          "target": "#node.healthy"
        }
      ],
      "after": {
        "joining": {
          "target": "suspect"
        }
      },
      "on": {
        "INSTANCE_CHANGED": {
          "guard": "instanceFailedUnderUs",
          "target": "suspect",
          "actions": "noteInstance"
        }
      }
    },
    "healthy": {
      "description": "Ready, and has been for a while.",
      "on": {
        "NODE_NOT_READY": {
          "guard": "isNews",
          "target": "suspect",
          "actions": "noteNotReady"
        },
        "MARKS_LEFT": {
          "target": "recovering",
          "actions": "noteMarks",
          "description": "A cordon or mark of ours is there all the same."
        }
      }
    },
    "suspect": {
      "description": "NotReady, but perhaps only for a moment: nothing is done for two heartbeat periods.",
      "always": [
        {
          "guard": "isBlind",
          "target": "blind"
        },
        {
          "guard": "isReadyAfterClimb",
          "target": "#node.recovering"
        },
        {
          "guard": "isReady",
          "target": "#node.healthy"
        }
      ],
      "after": {
        "suspicion": {
          "target": "repairing"
        }
      }
    },
    "blind": {
      "description": "The Kubernetes API cannot be seen: nothing is known, so nothing begins or escalates.",
      "entry": "returnPermitOfMaster",
      "on": {
        "SIGHT_RETURNED": {
          "target": "suspect",
          "actions": "regainSight"
        }
      }
    },
    "awaitingCloud": {
      "description": "The cloud is repairing or moving the instance itself: wait for that, within a bound.",
      "initial": "working",
      "states": {
        "working": {
          "description": "The cloud is at work.",
          "after": {
            "cloudWait": {
              "target": "#node.repairing",
              "actions": "stopWaitingForCloud"
            }
          },
          "on": {
            "NODE_READY": {
              "guard": "isNews",
              "target": "#node.recovering",
              "actions": "noteReady"
            },
            "INSTANCE_CHANGED": [
              {
                "guard": "cloudBroughtItUp",
                "target": "awaitingReady",
                "actions": "noteInstance"
              },
              {
                "guard": "cloudIsDone",
                "target": "#node.repairing",
                "actions": "noteInstance"
              }
            ]
          }
        },
        "awaitingReady": {
          "description": "The work on the instance is done: waits for the node to be Ready, and escalates if it is not in time.",
          "entry": "returnPermitUnseen",
          "always": {
            "guard": "isReady",
            "target": "#node.recovering"
          },
          "after": {
            "rebootWait": {
              "target": "#node.repairing.choosing"
            }
          },
          "on": {
            "INSTANCE_CHANGED": {
              "guard": "instanceFailedUnderUs",
              "target": "#node.repairing.choosing",
              "actions": "noteInstance"
            },
            "SIGHT_RETURNED": {
              "target": "awaitingReady",
              "reenter": true,
              "actions": "regainSight",
              "description": "What happened meanwhile was not seen: the wait starts anew with its full time."
            }
          }
        }
      }
    },
    "repairing": {
      "description": "Climbing the repair ladder.",
      "initial": "choosing",
      "states": {
        "choosing": {
          "description": "Picks the cheapest rung that can still help.",
          "always": [
            {
              "guard": "isBlind",
              "target": "#node.blind"
            },
            {
              "guard": "isReady",
              "target": "#node.recovering"
            },
            {
              "guard": "mustStayHeld",
              "target": "#node.held"
            },
            {
              "guard": "mustReplace",
              "target": "replacing"
            },
            {
              "guard": "cloudIsBusy",
              "target": "#node.awaitingCloud"
            },
            {
              "guard": "mayRestartKubelet",
              "target": "restartingKubelet"
            },
            {
              "guard": "mayReboot",
              "target": "rebooting"
            },
            {
              "guard": "mayReset",
              "target": "resetting"
            },
            {
              "guard": "mayReplace",
              "target": "replacing"
            },
            {
              "target": "#node.throttled"
            }
          ]
        },
        "restartingKubelet": {
          "description": "Rung 1: restarts the kubelet through Cloud Assistant.",
          "initial": "admitting",
          "states": {
            "admitting": {
              "description": "Waits for the permit: sight, storms, budgets and the quorum decide (admission).",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "acting",
                  "actions": [
                    "noteMarks"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {},
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "acting": {
              "description": "Runs systemctl restart kubelet on the instance and reads the result.",
              "entry": {
                "type": "noteRung",
                "params": {
                  "tried": 1
                }
              },
              "invoke": {
                "id": "restartKubelet",
                "src": "restartKubelet",
                "onDone": [
                  {
                    "guard": "agentWasSilent",
                    "target": "#node.repairing.choosing",
                    "actions": "noteAgent"
                  },
                  {
                    "target": "awaitingReady",
                    "actions": "noteAgent"
                  }
                ],
                "onError": {
                  "target": "#node.repairing.choosing",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "actionDeadline": {
                  "target": "#node.repairing.choosing",
                  "actions": "noteOverdue"
                }
              },
              "on": {
                "SIGHT_LOST": {
                  "actions": "loseSight"
                }
              }
            },
            "awaitingReady": {
              "description": "The work on the instance is done: waits for the node to be Ready, and escalates if it is not in time.",
              "entry": "returnPermitUnseen",
              "always": {
                "guard": "isReady",
                "target": "#node.recovering"
              },
              "after": {
                "kubeletWait": {
                  "target": "#node.repairing.choosing"
                }
              },
              "on": {
                "INSTANCE_CHANGED": {
                  "guard": "instanceFailedUnderUs",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_RETURNED": {
                  "target": "awaitingReady",
                  "reenter": true,
                  "actions": "regainSight",
                  "description": "What happened meanwhile was not seen: the wait starts anew with its full time."
                }
              }
            }
          }
        },
        "rebooting": {
          "description": "Rung 2: drains, then reboots the instance, or starts it if it is stopped; by force the last time.",
          "initial": "admitting",
          "states": {
            "admitting": {
              "description": "Waits for the permit: sight, storms, budgets and the quorum decide (admission).",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "draining",
                  "actions": [
                    "noteMarks",
                    "takePermit"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "permitWait": {
                  "actions": "returnPermit",
                  "description": "Held for so long: others of the pool may go first. A storm that holds it may be theirs to end."
                }
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "draining": {
              "description": "Cordons the node and evicts its pods, as disruption budgets allow, up to the drain deadline.",
              "invoke": {
                "id": "drainNode",
                "src": "drainNode",
                "onDone": [
                  {
                    "guard": "isPaused",
                    "target": "#node.held"
                  },
                  {
                    "target": "confirming"
                  }
                ],
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "drainDeadline": [
                  {
                    "guard": "isPaused",
                    "target": "#node.held"
                  },
                  {
                    "target": "confirming"
                  }
                ]
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "confirming": {
              "description": "Drained: asks once more, since the node may be Ready by now, or paused, or out of sight.",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "acting",
                  "actions": [
                    "noteMarks",
                    "takePermit"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "permitWait": {
                  "actions": "returnPermit",
                  "description": "Held for so long: others of the pool may go first. A storm that holds it may be theirs to end."
                }
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "acting": {
              "description": "Reboots or starts the instance and waits until it runs.",
              "entry": [
                {
                  "type": "noteRung",
                  "params": {
                    "tried": 2
                  }
                },
                "countReboot"
              ],
              "invoke": {
                "id": "restartInstance",
                "src": "restartInstance",
                "onDone": {
                  "target": "awaitingReady",
                  "actions": "noteActed"
                },
                "onError": [
                  {
                    "guard": "wasCalledOff",
                    "target": "#node.suspect",
                    "actions": [
                      "noteFailure",
                      "unnoteRung"
                    ],
                    "description": "It is Ready again, and its instance was left alone: the rung is still to be tried."
                  },
                  {
                    "target": "#node.repairing.choosing",
                    "actions": "noteFailure"
                  }
                ]
              },
              "after": {
                "actionDeadline": {
                  "target": "#node.repairing.choosing",
                  "actions": "noteOverdue"
                }
              },
              "on": {
                "SIGHT_LOST": {
                  "actions": "loseSight"
                }
              }
            },
            "awaitingReady": {
              "description": "The work on the instance is done: waits for the node to be Ready, and escalates if it is not in time.",
              "entry": "returnPermitUnseen",
              "always": {
                "guard": "isReady",
                "target": "#node.recovering"
              },
              "after": {
                "rebootWait": {
                  "target": "#node.repairing.choosing"
                }
              },
              "on": {
                "INSTANCE_CHANGED": {
                  "guard": "instanceFailedUnderUs",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_RETURNED": {
                  "target": "awaitingReady",
                  "reenter": true,
                  "actions": "regainSight",
                  "description": "What happened meanwhile was not seen: the wait starts anew with its full time."
                }
              }
            }
          }
        },
        "resetting": {
          "description": "Rung 3: drains, then gives the instance a new system disk: it initialises from nothing.",
          "initial": "admitting",
          "states": {
            "admitting": {
              "description": "Waits for the permit: sight, storms, budgets and the quorum decide (admission).",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "draining",
                  "actions": [
                    "noteMarks",
                    "takePermit"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "permitWait": {
                  "actions": "returnPermit",
                  "description": "Held for so long: others of the pool may go first. A storm that holds it may be theirs to end."
                }
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "draining": {
              "description": "Cordons the node and evicts its pods, as disruption budgets allow, up to the drain deadline.",
              "invoke": {
                "id": "drainNode",
                "src": "drainNode",
                "onDone": [
                  {
                    "guard": "isPaused",
                    "target": "#node.held"
                  },
                  {
                    "target": "confirming"
                  }
                ],
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "drainDeadline": [
                  {
                    "guard": "isPaused",
                    "target": "#node.held"
                  },
                  {
                    "target": "confirming"
                  }
                ]
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "confirming": {
              "description": "Drained: asks once more, since the node may be Ready by now, or paused, or out of sight.",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "acting",
                  "actions": [
                    "noteMarks",
                    "takePermit"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "permitWait": {
                  "actions": "returnPermit",
                  "description": "Held for so long: others of the pool may go first. A storm that holds it may be theirs to end."
                }
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "acting": {
              "description": "Stops the instance, gives it fresh user data and a new system disk, and starts it.",
              "entry": {
                "type": "noteRung",
                "params": {
                  "tried": 3
                }
              },
              "invoke": {
                "id": "resetInstance",
                "src": "resetInstance",
                "onDone": {
                  "target": "awaitingReady",
                  "actions": "noteActed"
                },
                "onError": [
                  {
                    "guard": "wasCalledOff",
                    "target": "#node.suspect",
                    "actions": [
                      "noteFailure",
                      "unnoteRung"
                    ],
                    "description": "It is Ready again, and its instance was left alone: the rung is still to be tried."
                  },
                  {
                    "target": "#node.repairing.choosing",
                    "actions": "noteFailure"
                  }
                ]
              },
              "after": {
                "actionDeadline": {
                  "target": "#node.repairing.choosing",
                  "actions": "noteOverdue"
                }
              },
              "on": {
                "SIGHT_LOST": {
                  "actions": "loseSight"
                }
              }
            },
            "awaitingReady": {
              "description": "The work on the instance is done: waits for the node to be Ready, and escalates if it is not in time.",
              "entry": "returnPermitUnseen",
              "always": {
                "guard": "isReady",
                "target": "#node.recovering"
              },
              "after": {
                "resetWait": {
                  "target": "#node.repairing.choosing"
                }
              },
              "on": {
                "INSTANCE_CHANGED": {
                  "guard": "instanceFailedUnderUs",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_RETURNED": {
                  "target": "awaitingReady",
                  "reenter": true,
                  "actions": "regainSight",
                  "description": "What happened meanwhile was not seen: the wait starts anew with its full time."
                }
              }
            }
          }
        },
        "replacing": {
          "description": "Rung 4: deletes the node and its instance; a new instance takes over the slot.",
          "initial": "admitting",
          "states": {
            "admitting": {
              "description": "Waits for the permit: sight, storms, budgets and the quorum decide (admission).",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "draining",
                  "actions": [
                    "noteMarks",
                    "takePermit"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "permitWait": {
                  "actions": "returnPermit",
                  "description": "Held for so long: others of the pool may go first. A storm that holds it may be theirs to end."
                }
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "draining": {
              "description": "Cordons the node and evicts its pods, as disruption budgets allow, up to the drain deadline.",
              "invoke": {
                "id": "drainNode",
                "src": "drainNode",
                "onDone": [
                  {
                    "guard": "isPaused",
                    "target": "#node.held"
                  },
                  {
                    "target": "confirming"
                  }
                ],
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "drainDeadline": [
                  {
                    "guard": "isPaused",
                    "target": "#node.held"
                  },
                  {
                    "target": "confirming"
                  }
                ]
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "confirming": {
              "description": "Drained: asks once more, since the node may be Ready by now, or paused, or out of sight.",
              "entry": "returnPermitOfMaster",
              "invoke": {
                "id": "requestPermit",
                "src": "requestPermit",
                "onDone": {
                  "target": "acting",
                  "actions": [
                    "noteMarks",
                    "takePermit"
                  ]
                },
                "onError": {
                  "target": "#node.throttled",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "permitWait": {
                  "actions": "returnPermit",
                  "description": "Held for so long: others of the pool may go first. A storm that holds it may be theirs to end."
                }
              },
              "on": {
                "NODE_READY": {
                  "guard": "isNews",
                  "target": "#node.recovering",
                  "actions": "noteReady"
                },
                "INSTANCE_CHANGED": {
                  "guard": "changesWhatToDo",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "REPAIRS_PAUSED": {
                  "target": "#node.held",
                  "actions": "pause"
                },
                "SIGHT_LOST": {
                  "target": "#node.blind",
                  "actions": "loseSight"
                }
              }
            },
            "acting": {
              "description": "Deletes the Node object and the instance, and creates a new instance for the slot.",
              "entry": {
                "type": "noteRung",
                "params": {
                  "tried": 4
                }
              },
              "invoke": {
                "id": "replaceInstance",
                "src": "replaceInstance",
                "onDone": {
                  "target": "awaitingReady",
                  "actions": "noteReplacement"
                },
                "onError": [
                  {
                    "guard": "wasCalledOff",
                    "target": "#node.suspect",
                    "actions": [
                      "noteFailure",
                      "unnoteRung"
                    ],
                    "description": "It is Ready again, and its instance was left alone: the rung is still to be tried."
                  },
                  {
                    "target": "#node.repairing.choosing",
                    "actions": "noteFailure"
                  }
                ]
              },
              "after": {
                "actionDeadline": {
                  "target": "#node.repairing.choosing",
                  "actions": "noteOverdue"
                }
              },
              "on": {
                "SIGHT_LOST": {
                  "actions": "loseSight"
                },
                "SLOT_FILLED": {
                  "description": "That is our own new instance, seen before the answer."
                }
              }
            },
            "awaitingReady": {
              "description": "The work on the instance is done: waits for the node to be Ready, and escalates if it is not in time.",
              "entry": "returnPermitUnseen",
              "always": {
                "guard": "isReady",
                "target": "#node.recovering"
              },
              "after": {
                "replaceWait": {
                  "target": "#node.repairing.choosing"
                }
              },
              "on": {
                "INSTANCE_CHANGED": {
                  "guard": "instanceFailedUnderUs",
                  "target": "#node.repairing.choosing",
                  "actions": "noteInstance"
                },
                "SIGHT_RETURNED": {
                  "target": "awaitingReady",
                  "reenter": true,
                  "actions": "regainSight",
                  "description": "What happened meanwhile was not seen: the wait starts anew with its full time."
                }
              }
            }
          }
        }
      }
    },
    "recovering": {
      "description": "Ready again: lifts the cordon and the marks that wdrip set.",
      "initial": "clearing",
      "on": {
        "NODE_NOT_READY": {
          "guard": "isNews",
          "target": "suspect",
          "actions": "noteNotReady"
        }
      },
      "states": {
        "clearing": {
          "description": "Lifts the cordon and the marks.",
          "invoke": {
            "id": "clearMarks",
            "src": "clearMarks",
            "onDone": {
              "target": "#node.settling",
              "actions": "forgetMarks"
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "after": {
            "actionDeadline": {
              "target": "waiting"
            }
          }
        },
        "waiting": {
          "description": "The marks could not be lifted: tries again soon.",
          "after": {
            "recoverRetry": {
              "target": "clearing"
            }
          }
        }
      }
    },
    "settling": {
      "description": "Ready, but not for long yet: a node that fails again now continues where it was on the ladder.",
      "after": {
        "settling": {
          "guard": "isSighted",
          "target": "healthy",
          "actions": "forget"
        }
      },
      "on": {
        "NODE_NOT_READY": {
          "guard": "isNews",
          "target": "suspect",
          "actions": "noteNotReady"
        },
        "SIGHT_RETURNED": {
          "target": "settling",
          "reenter": true,
          "actions": "regainSight",
          "description": "Whether Ready held meanwhile was not seen: it must hold for its full time from now."
        },
        "MARKS_LEFT": {
          "target": "recovering",
          "actions": "noteMarks",
          "description": "A cordon or mark of ours is there all the same."
        }
      }
    },
    "throttled": {
      "description": "The climb failed. People are told, and the ladder is climbed again after the throttle.",
      "entry": [
        "returnPermit",
        "countFailedClimb"
      ],
      "invoke": {
        "id": "reportTrouble",
        "src": "reportTrouble",
        "onDone": {
          "description": "People know."
        },
        "onError": {
          "description": "They will see it in wdrip get and explain."
        }
      },
      "after": {
        "throttle": {
          "target": "repairing",
          "actions": "startFromBottom"
        }
      },
      "on": {
        "NODE_READY": {
          "guard": "isNews",
          "target": "recovering",
          "actions": "noteReady"
        }
      }
    },
    "held": {
      "description": "Repairs are suspended: a person paused them, or the instance is locked and no rung can help.",
      "entry": "returnPermit",
      "invoke": {
        "id": "reportTrouble",
        "src": "reportTrouble",
        "onDone": {
          "description": "People know."
        },
        "onError": {
          "description": "They will see it in wdrip get and explain."
        }
      },
      "always": {
        "guard": "holdIsOver",
        "target": "suspect"
      },
      "on": {
        "NODE_READY": {
          "guard": "isNews",
          "target": "recovering",
          "actions": "noteReady"
        }
      }
    },
    "retiring": {
      "description": "Scaled down: the node is drained and its instance deleted, within the budget of its pool.",
      "initial": "admitting",
      "on": {
        "SLOT_RETIRED": {
          "description": "It is under way."
        },
        "SLOT_FILLED": {
          "actions": "fillSlot",
          "description": "Another instance was found in the slot: that is the one to delete."
        }
      },
      "states": {
        "admitting": {
          "description": "Waits for the permit, as a repair does.",
          "entry": "returnPermit",
          "invoke": {
            "id": "requestPermit",
            "src": "requestPermit",
            "onDone": {
              "target": "draining",
              "actions": [
                "noteMarks",
                "takePermit"
              ]
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "on": {
            "SLOT_WANTED": {
              "target": "#node.suspect",
              "actions": "forget"
            }
          }
        },
        "draining": {
          "description": "Cordons the node and evicts its pods, up to the drain deadline.",
          "invoke": {
            "id": "drainNode",
            "src": "drainNode",
            "onDone": {
              "target": "confirming"
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "after": {
            "drainDeadline": {
              "target": "confirming"
            }
          },
          "on": {
            "SLOT_WANTED": {
              "target": "#node.suspect",
              "actions": "forget"
            }
          }
        },
        "confirming": {
          "description": "Drained: asks once more, since repairs may be paused by now, or the cluster out of sight.",
          "entry": "returnPermitOfMaster",
          "invoke": {
            "id": "requestPermit",
            "src": "requestPermit",
            "onDone": {
              "target": "removing",
              "actions": [
                "noteMarks",
                "takePermit"
              ]
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "on": {
            "SLOT_WANTED": {
              "target": "#node.suspect",
              "actions": "forget"
            }
          },
          "after": {
            "recoverRetry": {
              "target": "waiting",
              "actions": "returnPermit",
              "description": "Not now. A storm that stops it may be over only when those are repaired that wait for its permit."
            }
          }
        },
        "removing": {
          "description": "Deletes the instance and the Node object.",
          "invoke": {
            "id": "retireInstance",
            "src": "retireInstance",
            "onDone": {
              "target": "#node.retired"
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "after": {
            "actionDeadline": {
              "target": "waiting"
            }
          },
          "on": {
            "SIGHT_LOST": {
              "actions": "loseSight"
            }
          }
        },
        "waiting": {
          "description": "That could not be done: tries again soon.",
          "entry": "returnPermitUnseen",
          "after": {
            "recoverRetry": {
              "target": "admitting"
            }
          }
        }
      }
    },
    "retired": {
      "description": "Scaled down: the slot is gone, and its actor is removed.",
      "entry": "returnPermit",
      "type": "final"
    }
  }
});
