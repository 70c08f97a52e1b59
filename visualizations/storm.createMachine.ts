// Written by `wdrip export`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const stormMachine = createMachine({
  "id": "storm",
  "description": "The breaker of one pool or zone: holds repairs while too many of its nodes fail at once.",
  "initial": "calm",
  "options": {
    "maxIterations": 100
  },
  "states": {
    "calm": {
      "description": "Few enough nodes are NotReady: each is repaired on its own, within the budget.",
      "on": {
        "NODES_COUNTED": [
          {
            "guard": "isStorm",
            "target": "holding",
            "actions": "count"
          },
          {
            "actions": "count"
          }
        ]
      }
    },
    "holding": {
      "description": "Too many nodes failed at once: nothing is repaired while the incident may pass by itself.",
      "after": {
        "hold": {
          "target": "confirming"
        }
      },
      "on": {
        "NODES_COUNTED": [
          {
            "guard": "hasPassed",
            "target": "calm",
            "actions": "count"
          },
          {
            "actions": "count"
          }
        ],
        "SIGHT_RETURNED": {
          "target": "holding",
          "reenter": true,
          "description": "What was counted while blind says nothing: the hold starts anew."
        }
      }
    },
    "confirming": {
      "description": "It did not pass: nodes whose failure a second signal confirms are repaired within the budget.",
      "on": {
        "NODES_COUNTED": [
          {
            "guard": "hasPassed",
            "target": "calm",
            "actions": "count"
          },
          {
            "actions": "count"
          }
        ]
      }
    }
  }
});
