// Written by `wdrip export`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const recoveryMachine = createMachine({
  "id": "recovery",
  "description": "Brings a cluster's data back into one master, step by step; interrupted, it goes on where it was.",
  "initial": "preparingMaster",
  "options": {
    "maxIterations": 100
  },
  "states": {
    "preparingMaster": {
      "description": "Chooses the master that gets the data, and makes one if there is none.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "prepareMaster",
            "src": "prepareMaster",
            "onDone": {
              "target": "#recovery.stoppingControlPlane",
              "actions": [
                "noteMaster",
                "stepDone"
              ]
            },
            "onError": [
              {
                "guard": "mayTryAgain",
                "target": "resting",
                "actions": "countTry"
              },
              {
                "target": "#recovery.failed",
                "actions": "countTry"
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "#recovery.failed",
              "actions": "noteOverdue"
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "stoppingControlPlane": {
      "description": "Stops API servers, controllers and etcd wherever they can be reached.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "stopControlPlane",
            "src": "stopControlPlane",
            "onDone": {
              "target": "#recovery.keepingOldData",
              "actions": "stepDone"
            },
            "onError": [
              {
                "guard": "mayTryAgain",
                "target": "resting",
                "actions": "countTry"
              },
              {
                "target": "#recovery.failed",
                "actions": "countTry"
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "#recovery.failed",
              "actions": "noteOverdue"
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "keepingOldData": {
      "description": "Keeps a copy of the data that is there.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "keepOldData",
            "src": "keepOldData",
            "onDone": {
              "target": "#recovery.restoringData",
              "actions": "stepDone"
            },
            "onError": [
              {
                "guard": "mayTryAgain",
                "target": "resting",
                "actions": "countTry"
              },
              {
                "target": "#recovery.failed",
                "actions": "countTry"
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "#recovery.failed",
              "actions": "noteOverdue"
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "restoringData": {
      "description": "Makes a cluster of one from the data.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "restoreData",
            "src": "restoreData",
            "onDone": [
              {
                "guard": "isFromBackup",
                "target": "#recovery.replayingChanges",
                "actions": [
                  "noteRevision",
                  "stepDone"
                ]
              },
              {
                "target": "#recovery.startingControlPlane",
                "actions": [
                  "noteRevision",
                  "stepDone"
                ]
              }
            ],
            "onError": [
              {
                "guard": "mayTryAgain",
                "target": "resting",
                "actions": "countTry"
              },
              {
                "target": "#recovery.failed",
                "actions": "countTry"
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "#recovery.failed",
              "actions": "noteOverdue"
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "replayingChanges": {
      "description": "Brings back what was changed after the snapshot was taken.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "replayChanges",
            "src": "replayChanges",
            "onDone": {
              "target": "#recovery.startingControlPlane",
              "actions": [
                "noteRevision",
                "noteLost",
                "stepDone"
              ]
            },
            "onError": [
              {
                "guard": "masterIsGone",
                "target": "#recovery.failed",
                "actions": "countTry"
              },
              {
                "guard": "masterIsSilent",
                "target": "resting",
                "actions": "noteSilence",
                "description": "It was started anew: that says nothing of the change log."
              },
              {
                "guard": "mayTryAgain",
                "target": "resting",
                "actions": "countTry"
              },
              {
                "target": "#recovery.startingControlPlane",
                "actions": [
                  "countTry",
                  "goWithoutChanges"
                ],
                "description": "An API that says what it has lost is better than none."
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "#recovery.startingControlPlane",
              "actions": [
                "noteOverdue",
                "goWithoutChanges"
              ]
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "startingControlPlane": {
      "description": "Starts the API server and the controllers on the data that came back.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "startControlPlane",
            "src": "startControlPlane",
            "onDone": {
              "target": "#recovery.reconciling",
              "actions": "stepDone"
            },
            "onError": [
              {
                "guard": "masterIsGone",
                "target": "#recovery.failed",
                "actions": "countTry"
              },
              {
                "target": "resting",
                "actions": "countTry"
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "resting",
              "actions": "noteOverdue"
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "reconciling": {
      "description": "Takes away what the restored data says of things that are gone.",
      "initial": "working",
      "states": {
        "working": {
          "description": "At work.",
          "invoke": {
            "id": "reconcileCluster",
            "src": "reconcileCluster",
            "onDone": {
              "target": "#recovery.recovered",
              "actions": "stepDone"
            },
            "onError": [
              {
                "guard": "masterIsGone",
                "target": "#recovery.failed",
                "actions": "countTry"
              },
              {
                "target": "resting",
                "actions": "countTry"
              }
            ]
          },
          "after": {
            "stepDeadline": {
              "target": "resting",
              "actions": "noteOverdue"
            }
          }
        },
        "resting": {
          "description": "The step failed: it is tried again after a rest.",
          "after": {
            "retry": {
              "target": "working"
            }
          }
        }
      }
    },
    "recovered": {
      "description": "The API is writable again.",
      "type": "final"
    },
    "failed": {
      "description": "A step could not be done. What was kept is still there.",
      "type": "final"
    }
  }
});
