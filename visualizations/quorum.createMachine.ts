// Written by `wdrip export`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const quorumMachine = createMachine({
  "id": "quorum",
  "description": "The etcd quorum: repairs members one at a time, and brings the data back when all is lost.",
  "initial": "unknown",
  "options": {
    "maxIterations": 100
  },
  "on": {
    "MEMBERS_OBSERVED": [
      {
        "guard": "seesLoss",
        "target": ".lost",
        "actions": "noteMembers"
      },
      {
        "actions": "noteMembers"
      }
    ],
    "SIZE_CHANGED": {
      "actions": "noteSize"
    },
    "POLICY_CHANGED": {
      "actions": "takePolicy"
    },
    "REPAIRS_PAUSED": {
      "actions": "pause"
    },
    "REPAIRS_RESUMED": {
      "actions": "resume"
    }
  },
  "states": {
    "unknown": {
      "description": "Not looked at yet.",
      "always": {
        "guard": "isHeld",
        "target": "healthy"
      }
    },
    "healthy": {
      "description": "Every wanted master has a healthy voting member, and there is nobody else.",
      "entry": "forget",
      "always": {
        "guard": "isNotWhole",
        "target": "degraded"
      }
    },
    "degraded": {
      "description": "The quorum holds, and not every member is as it should be.",
      "initial": "waiting",
      "always": [
        {
          "guard": "isLost",
          "target": "lost",
          "description": "Whichever step heard of it."
        },
        {
          "guard": "isWhole",
          "target": "healthy"
        }
      ],
      "states": {
        "waiting": {
          "description": "It may come back by itself, or with its node, which its own ladder repairs.",
          "after": {
            "patience": {
              "target": "choosing"
            }
          },
          "on": {
            "MEMBERS_OBSERVED": {
              "guard": "seesLearnerReady",
              "target": "choosing",
              "actions": "noteMembers",
              "description": "Promoting one that has joined takes nothing away: it is not waited for."
            }
          }
        },
        "choosing": {
          "description": "Picks the step that takes least away.",
          "always": [
            {
              "guard": "isPaused",
              "target": "waiting"
            },
            {
              "guard": {
                "type": "nextIs",
                "params": {
                  "step": "clearAlarm"
                }
              },
              "target": "clearingAlarm",
              "actions": "aim"
            },
            {
              "guard": {
                "type": "nextIs",
                "params": {
                  "step": "promote"
                }
              },
              "target": "promotingFound",
              "actions": "aim"
            },
            {
              "guard": {
                "type": "nextIs",
                "params": {
                  "step": "restart"
                }
              },
              "target": "restartingMember",
              "actions": "aim"
            },
            {
              "guard": {
                "type": "nextIs",
                "params": {
                  "step": "remove"
                }
              },
              "target": "takingOut",
              "actions": "aim"
            },
            {
              "guard": {
                "type": "nextIs",
                "params": {
                  "step": "replace"
                }
              },
              "target": "replacingMember",
              "actions": "aim"
            },
            {
              "target": "waiting"
            }
          ]
        },
        "looking": {
          "description": "Something was changed: the next look at the members sees it before anything else is chosen.",
          "after": {
            "lookAgain": {
              "target": "choosing"
            }
          }
        },
        "restartingMember": {
          "description": "A member is silent and its instance runs: restarts etcd there, which takes nothing away.",
          "initial": "acting",
          "states": {
            "acting": {
              "description": "Runs systemctl restart etcd on the instance and reads the result.",
              "entry": "noteRestarted",
              "invoke": {
                "id": "restartMember",
                "src": "restartMember",
                "onDone": {
                  "target": "awaitingHealthy"
                },
                "onError": {
                  "target": "done",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "done",
                  "actions": "noteOverdue"
                }
              }
            },
            "awaitingHealthy": {
              "description": "etcd was started: waits until the member answers.",
              "always": {
                "guard": "targetIsHealthy",
                "target": "done"
              },
              "after": {
                "memberWait": {
                  "target": "done"
                }
              }
            },
            "done": {
              "description": "It answers, or it has had its time.",
              "type": "final"
            }
          },
          "onDone": {
            "target": "looking",
            "actions": "forgetTarget"
          }
        },
        "promotingFound": {
          "description": "A learner is there already, from a node that was replaced or from before a restart: promotes it.",
          "invoke": {
            "id": "promoteLearner",
            "src": "promoteLearner",
            "onDone": {
              "target": "looking",
              "actions": "forgetTarget"
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "after": {
            "changeDeadline": {
              "target": "waiting",
              "actions": "noteOverdue"
            }
          }
        },
        "takingOut": {
          "description": "Removes a member that is not to come back: its instance is gone, or its slot is not wanted any more.",
          "initial": "admitting",
          "states": {
            "admitting": {
              "description": "Waits for the permit.",
              "invoke": {
                "id": "requestMemberPermit",
                "src": "requestMemberPermit",
                "onDone": {
                  "target": "removing",
                  "actions": "takePermit"
                },
                "onError": {
                  "target": "done",
                  "actions": "noteFailure"
                }
              },
              "on": {
                "MEMBERS_OBSERVED": {
                  "target": "done",
                  "actions": "noteMembers",
                  "description": "What it waits for has changed."
                },
                "REPAIRS_PAUSED": {
                  "target": "done",
                  "actions": "pause"
                }
              }
            },
            "removing": {
              "description": "Takes it out of the membership; a leader hands over before.",
              "invoke": {
                "id": "removeMember",
                "src": "removeMember",
                "onDone": {
                  "target": "done",
                  "actions": "noteRemoved"
                },
                "onError": {
                  "target": "done",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "done",
                  "actions": "noteOverdue"
                }
              }
            },
            "done": {
              "description": "It is out, or it could not be taken out.",
              "type": "final"
            }
          },
          "onDone": {
            "target": "looking",
            "actions": "forgetTarget"
          }
        },
        "replacingMember": {
          "description": "Takes the dead member out first, then brings its master back as a learner, and promotes it.",
          "initial": "admitting",
          "states": {
            "admitting": {
              "description": "Waits for the permit: no other master is under repair, and the quorum survives without it.",
              "invoke": {
                "id": "requestMemberPermit",
                "src": "requestMemberPermit",
                "onDone": [
                  {
                    "guard": "targetIsMember",
                    "target": "removing",
                    "actions": "takePermit"
                  },
                  {
                    "target": "rebuilding",
                    "actions": "takePermit"
                  }
                ],
                "onError": {
                  "target": "resting",
                  "actions": "noteFailure"
                }
              },
              "on": {
                "MEMBERS_OBSERVED": {
                  "target": "done",
                  "actions": "noteMembers",
                  "description": "What it waits for has changed."
                },
                "REPAIRS_PAUSED": {
                  "target": "done",
                  "actions": "pause"
                }
              }
            },
            "removing": {
              "description": "Removes the dead member before anything is added: a second dead voter would be worse than none.",
              "invoke": {
                "id": "removeMember",
                "src": "removeMember",
                "onDone": {
                  "target": "rebuilding",
                  "actions": "noteRemoved"
                },
                "onError": {
                  "target": "resting",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "resting",
                  "actions": "noteOverdue"
                }
              }
            },
            "rebuilding": {
              "description": "Empties the data directory, for a removed member never comes back with it, and sets it up to join.",
              "invoke": {
                "id": "rebuildMember",
                "src": "rebuildMember",
                "onDone": {
                  "target": "addingLearner"
                },
                "onError": {
                  "target": "resting",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "resting",
                  "actions": "noteOverdue"
                }
              }
            },
            "addingLearner": {
              "description": "Adds it as a learner, which counts for no quorum while it catches up.",
              "invoke": {
                "id": "addLearner",
                "src": "addLearner",
                "onDone": {
                  "target": "promoting",
                  "actions": "noteLearner"
                },
                "onError": {
                  "target": "resting",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "resting",
                  "actions": "noteOverdue"
                }
              }
            },
            "promoting": {
              "description": "Promotes the learner as soon as it has caught up.",
              "invoke": {
                "id": "promoteLearner",
                "src": "promoteLearner",
                "onDone": {
                  "target": "done"
                },
                "onError": {
                  "target": "resting",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "resting",
                  "actions": "noteOverdue"
                }
              }
            },
            "resting": {
              "description": "A step failed. Others may act meanwhile, and the whole is looked at anew after the rest.",
              "entry": [
                "returnPermit",
                "countFailure"
              ],
              "invoke": {
                "id": "reportQuorumTrouble",
                "src": "reportQuorumTrouble",
                "onDone": {
                  "description": "People know."
                },
                "onError": {
                  "description": "They will see it in wdrip get and explain."
                }
              },
              "after": {
                "throttle": {
                  "target": "done"
                }
              }
            },
            "done": {
              "description": "This change is over, one way or the other.",
              "type": "final"
            }
          },
          "onDone": {
            "target": "looking",
            "actions": "forgetTarget"
          }
        },
        "clearingAlarm": {
          "description": "The store is full: compacts it, defragments one member after the other, and lifts the alarm.",
          "invoke": {
            "id": "clearAlarm",
            "src": "clearAlarm",
            "onDone": {
              "target": "looking",
              "actions": "forgetTarget"
            },
            "onError": {
              "target": "waiting",
              "actions": "noteFailure"
            }
          },
          "after": {
            "changeDeadline": {
              "target": "waiting",
              "actions": "noteOverdue"
            }
          }
        }
      }
    },
    "lost": {
      "description": "No quorum answers: the API can write nothing.",
      "initial": "confirming",
      "entry": [
        "forgetChecks",
        "forgetTarget"
      ],
      "on": {
        "MEMBERS_OBSERVED": [
          {
            "guard": "seesQuorum",
            "target": "degraded",
            "actions": "noteMembers"
          },
          {
            "actions": "noteMembers"
          }
        ]
      },
      "states": {
        "confirming": {
          "description": "Looks again and again: a loss that passes is none.",
          "initial": "resting",
          "states": {
            "resting": {
              "description": "Until the next check.",
              "after": {
                "nextCheck": {
                  "target": "checking"
                }
              }
            },
            "checking": {
              "description": "Asks every member.",
              "invoke": {
                "id": "checkQuorum",
                "src": "checkQuorum",
                "onDone": [
                  {
                    "guard": "checkFoundIt",
                    "target": "#quorum.degraded",
                    "actions": "noteHeld"
                  },
                  {
                    "guard": "isPaused",
                    "target": "resting",
                    "actions": "countCheck"
                  },
                  {
                    "guard": "isConfirmed",
                    "target": "#quorum.lost.reviving",
                    "actions": "countCheck"
                  },
                  {
                    "target": "resting",
                    "actions": "countCheck"
                  }
                ],
                "onError": {
                  "target": "resting",
                  "actions": "noteFailure",
                  "description": "A check that could not be made says nothing."
                }
              },
              "after": {
                "lookDeadline": {
                  "target": "resting"
                }
              }
            }
          }
        },
        "reviving": {
          "description": "Tries what loses nothing: starts stopped instances, starts etcd.",
          "invoke": {
            "id": "reviveMembers",
            "src": "reviveMembers",
            "onDone": [
              {
                "guard": "checkFoundIt",
                "target": "#quorum.degraded",
                "actions": "noteHeld"
              },
              {
                "target": "choosingSource"
              }
            ],
            "onError": {
              "target": "choosingSource",
              "actions": "noteFailure"
            }
          },
          "after": {
            "reviveDeadline": {
              "target": "choosingSource",
              "actions": "noteOverdue"
            }
          }
        },
        "choosingSource": {
          "description": "Looks for proof that the quorum cannot come back, and for the data that loses least.",
          "invoke": {
            "id": "chooseSource",
            "src": "chooseSource",
            "onDone": [
              {
                "guard": {
                  "type": "choiceIs",
                  "params": {
                    "kind": "held"
                  }
                },
                "target": "#quorum.degraded",
                "actions": [
                  "noteHeld",
                  "noteChoice"
                ]
              },
              {
                "guard": "isPaused",
                "target": "undecided",
                "actions": "noteChoice"
              },
              {
                "guard": {
                  "type": "choiceIs",
                  "params": {
                    "kind": "source"
                  }
                },
                "target": "restoring",
                "actions": [
                  "noteChoice",
                  "takeRestorePermit"
                ]
              },
              {
                "guard": {
                  "type": "choiceIs",
                  "params": {
                    "kind": "unproven"
                  }
                },
                "target": "undecided",
                "actions": "noteChoice"
              },
              {
                "target": "failed",
                "actions": "noteChoice"
              }
            ],
            "onError": {
              "target": "failed",
              "actions": "noteFailure"
            }
          },
          "after": {
            "lookDeadline": {
              "target": "failed",
              "actions": "noteOverdue"
            }
          }
        },
        "undecided": {
          "description": "A member may still come back, so nothing is overwritten. People are told; then all is tried again.",
          "invoke": {
            "id": "reportQuorumTrouble",
            "src": "reportQuorumTrouble",
            "onDone": {
              "description": "People know."
            },
            "onError": {
              "description": "They will see it in wdrip get and explain."
            }
          },
          "after": {
            "patience": {
              "target": "confirming"
            }
          }
        },
        "restoring": {
          "description": "Brings the data back on one master: the API servers are stopped before and started after.",
          "invoke": {
            "id": "restoreQuorum",
            "src": "restoreQuorum",
            "onDone": {
              "target": "rejoining",
              "actions": "noteHeld"
            },
            "onError": [
              {
                "guard": "copyWasDamaged",
                "target": "choosingSource",
                "actions": "passOverCopy",
                "description": "The master found the backup damaged: all copies are read through, and the next best is taken."
              },
              {
                "target": "failed",
                "actions": "noteFailure"
              }
            ]
          },
          "after": {
            "restoreDeadline": {
              "target": "failed",
              "actions": "noteOverdue"
            }
          },
          "on": {
            "MEMBERS_OBSERVED": {
              "actions": "noteMembers",
              "description": "One member that answers is what the restore itself makes: it is not over yet."
            }
          }
        },
        "rejoining": {
          "description": "The API is writable. The other masters join again, one at a time, as learners.",
          "initial": "waiting",
          "entry": "returnPermit",
          "always": [
            {
              "guard": "isLost",
              "target": "#quorum.lost",
              "description": "Lost again, whichever step heard of it."
            },
            {
              "guard": "isWhole",
              "target": "verifying"
            }
          ],
          "on": {
            "MEMBERS_OBSERVED": {
              "actions": "noteMembers"
            }
          },
          "states": {
            "waiting": {
              "description": "For the bodies, which the masters' own ladders bring back, and for the next look.",
              "after": {
                "nextCheck": {
                  "target": "choosing"
                }
              }
            },
            "choosing": {
              "description": "Picks the next master that can join.",
              "always": [
                {
                  "guard": "isPaused",
                  "target": "waiting"
                },
                {
                  "guard": {
                    "type": "nextIs",
                    "params": {
                      "step": "clearAlarm"
                    }
                  },
                  "target": "clearingAlarm",
                  "actions": "aim"
                },
                {
                  "guard": {
                    "type": "nextIs",
                    "params": {
                      "step": "promote"
                    }
                  },
                  "target": "promotingFound",
                  "actions": "aim"
                },
                {
                  "guard": {
                    "type": "nextIs",
                    "params": {
                      "step": "restart"
                    }
                  },
                  "target": "restartingMember",
                  "actions": "aim"
                },
                {
                  "guard": {
                    "type": "nextIs",
                    "params": {
                      "step": "remove"
                    }
                  },
                  "target": "takingOut",
                  "actions": "aim"
                },
                {
                  "guard": {
                    "type": "nextIs",
                    "params": {
                      "step": "replace"
                    }
                  },
                  "target": "replacingMember",
                  "actions": "aim"
                },
                {
                  "target": "waiting"
                }
              ]
            },
            "looking": {
              "description": "Something was changed: the next look at the members sees it before anything else is chosen.",
              "after": {
                "lookAgain": {
                  "target": "choosing"
                }
              }
            },
            "restartingMember": {
              "description": "A member is silent and its instance runs: restarts etcd there, which takes nothing away.",
              "initial": "acting",
              "states": {
                "acting": {
                  "description": "Runs systemctl restart etcd on the instance and reads the result.",
                  "entry": "noteRestarted",
                  "invoke": {
                    "id": "restartMember",
                    "src": "restartMember",
                    "onDone": {
                      "target": "awaitingHealthy"
                    },
                    "onError": {
                      "target": "done",
                      "actions": "noteFailure"
                    }
                  },
                  "after": {
                    "changeDeadline": {
                      "target": "done",
                      "actions": "noteOverdue"
                    }
                  }
                },
                "awaitingHealthy": {
                  "description": "etcd was started: waits until the member answers.",
                  "always": {
                    "guard": "targetIsHealthy",
                    "target": "done"
                  },
                  "after": {
                    "memberWait": {
                      "target": "done"
                    }
                  }
                },
                "done": {
                  "description": "It answers, or it has had its time.",
                  "type": "final"
                }
              },
              "onDone": {
                "target": "looking",
                "actions": "forgetTarget"
              }
            },
            "promotingFound": {
              "description": "A learner is there already, from a node that was replaced or from before a restart: promotes it.",
              "invoke": {
                "id": "promoteLearner",
                "src": "promoteLearner",
                "onDone": {
                  "target": "looking",
                  "actions": "forgetTarget"
                },
                "onError": {
                  "target": "waiting",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "waiting",
                  "actions": "noteOverdue"
                }
              }
            },
            "takingOut": {
              "description": "Removes a member that is not to come back: its instance is gone, or its slot is not wanted any more.",
              "initial": "admitting",
              "states": {
                "admitting": {
                  "description": "Waits for the permit.",
                  "invoke": {
                    "id": "requestMemberPermit",
                    "src": "requestMemberPermit",
                    "onDone": {
                      "target": "removing",
                      "actions": "takePermit"
                    },
                    "onError": {
                      "target": "done",
                      "actions": "noteFailure"
                    }
                  },
                  "on": {
                    "MEMBERS_OBSERVED": {
                      "target": "done",
                      "actions": "noteMembers",
                      "description": "What it waits for has changed."
                    },
                    "REPAIRS_PAUSED": {
                      "target": "done",
                      "actions": "pause"
                    }
                  }
                },
                "removing": {
                  "description": "Takes it out of the membership; a leader hands over before.",
                  "invoke": {
                    "id": "removeMember",
                    "src": "removeMember",
                    "onDone": {
                      "target": "done",
                      "actions": "noteRemoved"
                    },
                    "onError": {
                      "target": "done",
                      "actions": "noteFailure"
                    }
                  },
                  "after": {
                    "changeDeadline": {
                      "target": "done",
                      "actions": "noteOverdue"
                    }
                  }
                },
                "done": {
                  "description": "It is out, or it could not be taken out.",
                  "type": "final"
                }
              },
              "onDone": {
                "target": "looking",
                "actions": "forgetTarget"
              }
            },
            "replacingMember": {
              "description": "Takes the dead member out first, then brings its master back as a learner, and promotes it.",
              "initial": "admitting",
              "states": {
                "admitting": {
                  "description": "Waits for the permit: no other master is under repair, and the quorum survives without it.",
                  "invoke": {
                    "id": "requestMemberPermit",
                    "src": "requestMemberPermit",
                    "onDone": [
                      {
                        "guard": "targetIsMember",
                        "target": "removing",
                        "actions": "takePermit"
                      },
                      {
                        "target": "rebuilding",
                        "actions": "takePermit"
                      }
                    ],
                    "onError": {
                      "target": "resting",
                      "actions": "noteFailure"
                    }
                  },
                  "on": {
                    "MEMBERS_OBSERVED": {
                      "target": "done",
                      "actions": "noteMembers",
                      "description": "What it waits for has changed."
                    },
                    "REPAIRS_PAUSED": {
                      "target": "done",
                      "actions": "pause"
                    }
                  }
                },
                "removing": {
                  "description": "Removes the dead member before anything is added: a second dead voter would be worse than none.",
                  "invoke": {
                    "id": "removeMember",
                    "src": "removeMember",
                    "onDone": {
                      "target": "rebuilding",
                      "actions": "noteRemoved"
                    },
                    "onError": {
                      "target": "resting",
                      "actions": "noteFailure"
                    }
                  },
                  "after": {
                    "changeDeadline": {
                      "target": "resting",
                      "actions": "noteOverdue"
                    }
                  }
                },
                "rebuilding": {
                  "description": "Empties the data directory, for a removed member never comes back with it, and sets it up to join.",
                  "invoke": {
                    "id": "rebuildMember",
                    "src": "rebuildMember",
                    "onDone": {
                      "target": "addingLearner"
                    },
                    "onError": {
                      "target": "resting",
                      "actions": "noteFailure"
                    }
                  },
                  "after": {
                    "changeDeadline": {
                      "target": "resting",
                      "actions": "noteOverdue"
                    }
                  }
                },
                "addingLearner": {
                  "description": "Adds it as a learner, which counts for no quorum while it catches up.",
                  "invoke": {
                    "id": "addLearner",
                    "src": "addLearner",
                    "onDone": {
                      "target": "promoting",
                      "actions": "noteLearner"
                    },
                    "onError": {
                      "target": "resting",
                      "actions": "noteFailure"
                    }
                  },
                  "after": {
                    "changeDeadline": {
                      "target": "resting",
                      "actions": "noteOverdue"
                    }
                  }
                },
                "promoting": {
                  "description": "Promotes the learner as soon as it has caught up.",
                  "invoke": {
                    "id": "promoteLearner",
                    "src": "promoteLearner",
                    "onDone": {
                      "target": "done"
                    },
                    "onError": {
                      "target": "resting",
                      "actions": "noteFailure"
                    }
                  },
                  "after": {
                    "changeDeadline": {
                      "target": "resting",
                      "actions": "noteOverdue"
                    }
                  }
                },
                "resting": {
                  "description": "A step failed. Others may act meanwhile, and the whole is looked at anew after the rest.",
                  "entry": [
                    "returnPermit",
                    "countFailure"
                  ],
                  "invoke": {
                    "id": "reportQuorumTrouble",
                    "src": "reportQuorumTrouble",
                    "onDone": {
                      "description": "People know."
                    },
                    "onError": {
                      "description": "They will see it in wdrip get and explain."
                    }
                  },
                  "after": {
                    "throttle": {
                      "target": "done"
                    }
                  }
                },
                "done": {
                  "description": "This change is over, one way or the other.",
                  "type": "final"
                }
              },
              "onDone": {
                "target": "looking",
                "actions": "forgetTarget"
              }
            },
            "clearingAlarm": {
              "description": "The store is full: compacts it, defragments one member after the other, and lifts the alarm.",
              "invoke": {
                "id": "clearAlarm",
                "src": "clearAlarm",
                "onDone": {
                  "target": "looking",
                  "actions": "forgetTarget"
                },
                "onError": {
                  "target": "waiting",
                  "actions": "noteFailure"
                }
              },
              "after": {
                "changeDeadline": {
                  "target": "waiting",
                  "actions": "noteOverdue"
                }
              }
            }
          }
        },
        "verifying": {
          "description": "All are back: the same data everywhere, no stale leases, and controllers that know.",
          "entry": "forgetTarget",
          "always": [
            {
              "guard": "isLost",
              "target": "#quorum.lost"
            },
            {
              "guard": "isNotWhole",
              "target": "rejoining",
              "description": "One is ill again: verified once it is not."
            }
          ],
          "on": {
            "MEMBERS_OBSERVED": {
              "actions": "noteMembers",
              "description": "A restore is not over before it was verified."
            }
          },
          "invoke": {
            "id": "verifyQuorum",
            "src": "verifyQuorum",
            "onDone": {
              "target": "#quorum.healthy"
            },
            "onError": {
              "target": "unverified",
              "actions": "noteFailure"
            }
          },
          "after": {
            "lookDeadline": {
              "target": "unverified",
              "actions": "noteOverdue"
            }
          }
        },
        "unverified": {
          "description": "Something is not as it should be after the restore, or could not be looked at: looks again.",
          "always": {
            "guard": "isLost",
            "target": "#quorum.lost"
          },
          "on": {
            "MEMBERS_OBSERVED": {
              "actions": "noteMembers"
            }
          },
          "after": {
            "patience": {
              "target": "rejoining"
            }
          }
        },
        "failed": {
          "description": "Nothing more can be done alone. People are told what they must decide.",
          "entry": [
            "returnPermit",
            "countFailure"
          ],
          "always": {
            "target": "throttled"
          }
        },
        "throttled": {
          "description": "Rests after a failure, then looks at everything anew.",
          "invoke": {
            "id": "reportQuorumTrouble",
            "src": "reportQuorumTrouble",
            "onDone": {
              "description": "People know."
            },
            "onError": {
              "description": "They will see it in wdrip get and explain."
            }
          },
          "after": {
            "throttle": {
              "target": "confirming"
            }
          }
        }
      }
    }
  }
});
