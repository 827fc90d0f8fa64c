# SPDX-License-Identifier: Apache-2.0
"""What the store holds, as traces, trees and replays: functions over the `Store` port."""
