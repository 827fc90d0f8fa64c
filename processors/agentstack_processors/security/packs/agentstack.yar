// SPDX-License-Identifier: Apache-2.0
// What agents are made to run or carry: payloads, not sentences. Metadata: category, weight, description.

rule reverse_shell {
  meta:
    category = "data_exfiltration"
    weight = 60
    description = "A shell that connects back."
  strings:
    $bash = /bash\s+-i\s+>&?\s*\/dev\/tcp\/[\w.]+\/\d+/ nocase
    $nc = /\b(nc|ncat|netcat)\s+(-\w+\s+)*-\w*[ec]\w*\s+(\/bin\/)?(ba|z|da)?sh\b/ nocase
    $python = "socket.socket(socket.AF_INET" nocase
    $dup = /os\.dup2\(\s*s\w*\.fileno\(\)/ nocase
    $mkfifo = /mkfifo\s+\S+\s*;\s*cat\s+\S+\s*\|\s*(\/bin\/)?(ba|z|da)?sh/ nocase
  condition:
    $bash or $nc or $mkfifo or ($python and $dup)
}

rule encoded_powershell {
  meta:
    category = "obfuscation"
    weight = 34
    description = "PowerShell with an encoded or downloaded command."
  strings:
    $encoded = /powershell(\.exe)?\s[^\n]{0,80}-e(nc|ncodedcommand)?\s+[A-Za-z0-9+\/=]{40,}/ nocase
    $download = /\b(iex|invoke-expression)\b[^\n]{0,60}(downloadstring|invoke-webrequest|iwr)\b/ nocase
  condition:
    any of them
}

rule pipe_to_shell_of_encoded {
  meta:
    category = "obfuscation"
    weight = 52
    description = "Decodes something and gives it to a shell."
  strings:
    $pipe = /base64\s+(-d|--decode|-D)[^\n|]{0,40}\|\s*(sudo\s+)?(\/bin\/)?(ba|z|da)?sh\b/ nocase
    $exec = /\bexec\s*\(\s*(base64\.b64decode|bytes\.fromhex|codecs\.decode|zlib\.decompress)/ nocase
    $eval = /\beval\s*\(\s*(atob|base64_decode|Buffer\.from)\s*\(/ nocase
  condition:
    any of them
}

rule credential_files_in_one_breath {
  meta:
    category = "data_exfiltration"
    weight = 46
    description = "Collects several files that hold credentials."
  strings:
    $ssh = /~?\/\.ssh\/id_(rsa|ed25519|ecdsa)/ nocase
    $aws = /~?\/\.aws\/credentials/ nocase
    $netrc = /~?\/\.netrc\b/ nocase
    $kube = /~?\/\.kube\/config/ nocase
    $git = /\.git-credentials\b/ nocase
    $mcp = /\.cursor\/mcp\.json/ nocase
    $shadow = "/etc/shadow" nocase
    $send = /\b(curl|wget|nc|ncat|requests\.post|fetch\(|upload|exfil\w*|send|pass|base64)\b/ nocase
  condition:
    2 of ($ssh, $aws, $netrc, $kube, $git, $mcp, $shadow) and $send
}

rule destructive_command {
  meta:
    category = "indirect_injection"
    weight = 30
    description = "A command that destroys a file system or a database."
  strings:
    $root = /\brm\s+-(rf|fr)\s+(--no-preserve-root\s+)?(\/|~|\$HOME)(\s|\*|$|['"`])/ nocase
    $disk = /\bdd\s+if=\/dev\/(zero|u?random)\s+of=\/dev\/(sd|nvme|disk)/ nocase
    $fork = ":(){ :|:& };:"
    $sql = /;\s*drop\s+(table|database)\s+\w+\s*;?\s*--/ nocase
  condition:
    any of them
}
