// Written by `wdrip export`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const supervisorMachine = createMachine({
  "id": "supervisor",
  "description": "Knows all actors of a cluster: spawns one per slot, pool, zone, quorum, backup and recovery, and keeps what holds for all of them.",
  "type": "parallel",
  "options": {
    "maxIterations": 100
  },
  "states": {
    "sight": {
      "description": "Whether the cluster can be seen.",
      "initial": "starting",
      "states": {
        "starting": {
          "description": "Nothing has been seen yet.",
          "on": {
            "SIGHT_RETURNED": {
              "target": "sighted",
              "actions": "noteSight"
            },
            "SIGHT_LOST": {
              "target": "blind",
              "actions": "noteSightLost"
            }
          }
        },
        "sighted": {
          "description": "The Kubernetes API answers and its watches are fresh.",
          "on": {
            "SIGHT_LOST": {
              "target": "blind",
              "actions": "noteSightLost"
            }
          }
        },
        "blind": {
          "description": "The Kubernetes API cannot be seen: no repair begins or escalates.",
          "on": {
            "SIGHT_RETURNED": {
              "target": "sighted",
              "actions": "noteSight"
            },
            "SIGHT_LOST": {
              "actions": "noteSightLost"
            }
          }
        }
      }
    },
    "fleet": {
      "description": "The actors under this one, and which of them people paused.",
      "initial": "watching",
      "states": {
        "watching": {
          "description": "Spawns an actor for whatever is found, and notes pauses.",
          "on": {
            "SLOT_FOUND": {
              "actions": "spawnNode"
            },
            "SCOPE_FOUND": {
              "actions": "spawnStorm"
            },
            "QUORUM_FOUND": {
              "actions": "spawnQuorum"
            },
            "BACKUP_CONFIGURED": {
              "actions": "spawnBackup"
            },
            "RECOVERY_WANTED": {
              "actions": "spawnRecovery"
            },
            "PAUSED": {
              "actions": "notePause"
            },
            "RESUMED": {
              "actions": "noteResume"
            }
          }
        }
      }
    }
  }
});
