// Written by `wdrip export`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const backupMachine = createMachine({
  "id": "backup",
  "description": "A cluster's backups: taken by a schedule or when one is wanted, and counted only when a restore was rehearsed.",
  "initial": "planning",
  "options": {
    "maxIterations": 100
  },
  "on": {
    "BACKUP_WANTED": {
      "actions": "noteWanted",
      "description": "While one is being made: another is made after it."
    },
    "SCHEDULE_CHANGED": {
      "actions": "noteSchedule"
    }
  },
  "states": {
    "planning": {
      "description": "Asks the schedule when the next one is due.",
      "always": {
        "guard": "isWanted",
        "target": "taking"
      },
      "invoke": {
        "id": "planBackup",
        "src": "planBackup",
        "onDone": {
          "target": "resting",
          "actions": "notePlan"
        },
        "onError": {
          "target": "failing",
          "actions": "noteFailure"
        }
      },
      "on": {
        "SCHEDULE_CHANGED": {
          "target": "planning",
          "reenter": true,
          "actions": "noteSchedule",
          "description": "What was asked of the old schedule is not waited for."
        }
      }
    },
    "resting": {
      "description": "Until the next one is due, or wanted.",
      "always": {
        "guard": "isWanted",
        "target": "taking"
      },
      "after": {
        "untilNext": {
          "target": "taking"
        }
      },
      "on": {
        "SCHEDULE_CHANGED": {
          "target": "planning",
          "actions": "noteSchedule"
        }
      }
    },
    "taking": {
      "description": "Streams a snapshot of a healthy follower, compressed and encrypted, to every region.",
      "entry": "beginTaking",
      "invoke": {
        "id": "takeBackup",
        "src": "takeBackup",
        "onDone": {
          "target": "verifying",
          "actions": "noteTaken"
        },
        "onError": {
          "target": "failing",
          "actions": "noteFailure"
        }
      },
      "after": {
        "takeDeadline": {
          "target": "failing",
          "actions": "noteFailure"
        }
      }
    },
    "verifying": {
      "description": "Reads it back, and rehearses its restore: the same revision, the same hash of all keys.",
      "invoke": {
        "id": "verifyBackup",
        "src": "verifyBackup",
        "onDone": {
          "target": "pruning",
          "actions": "noteVerified"
        },
        "onError": {
          "target": "failing",
          "actions": "noteFailure"
        }
      },
      "after": {
        "verifyDeadline": {
          "target": "failing",
          "actions": "noteFailure"
        }
      }
    },
    "pruning": {
      "description": "Removes what is not to be kept. The newest verified one always stays.",
      "invoke": {
        "id": "pruneBackups",
        "src": "pruneBackups",
        "onDone": {
          "target": "planning"
        },
        "onError": {
          "target": "planning",
          "description": "What is kept too long does no harm: the next run removes it."
        }
      },
      "after": {
        "pruneDeadline": {
          "target": "planning"
        }
      }
    },
    "failing": {
      "description": "It failed. People are told, and it is tried again soon: the older ones are all still there.",
      "invoke": {
        "id": "reportBackupTrouble",
        "src": "reportBackupTrouble",
        "onDone": {
          "description": "People know."
        },
        "onError": {
          "description": "They will see it in wdrip get."
        }
      },
      "after": {
        "retry": {
          "target": "taking"
        }
      }
    }
  }
});
