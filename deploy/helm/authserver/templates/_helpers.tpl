{{- define "authserver.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "authserver.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "authserver.labels" -}}
{{ include "authserver.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "authserver.image" -}}
{{- $repository := required "image.repository is required: the image built from deploy/Dockerfile" .Values.image.repository -}}
{{- $tag := required "image.tag is required: name a version, never a moving tag" .Values.image.tag -}}
{{- printf "%s%s%s" $repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag -}}
{{- end -}}

{{/* What nodes and the migration have in common: settings, secrets as files, and the signing keys as our own files. */}}
{{- define "authserver.environment" -}}
- {name: AUTHSERVER_ISSUER, value: {{ required "issuer is required: the address by which clients know the authority" .Values.issuer | quote }}}
- {name: AUTHSERVER_ENVIRONMENT, value: {{ .Values.environment | quote }}}
- {name: AUTHSERVER_PROFILE, value: {{ .Values.profile | quote }}}
- {name: AUTHSERVER_DATABASE_URL_FILE, value: /run/secrets/database/url}
{{- if .Values.redis.existingSecret }}
- {name: AUTHSERVER_REDIS_URL_FILE, value: /run/secrets/redis/url}
{{- end }}
- {name: AUTHSERVER_KEYS_DIR, value: /run/authserver/keys}
{{- end -}}

{{- define "authserver.mounts" -}}
- {name: database, mountPath: /run/secrets/database, readOnly: true}
{{- if .Values.redis.existingSecret }}
- {name: redis, mountPath: /run/secrets/redis, readOnly: true}
{{- end }}
- {name: keys, mountPath: /run/authserver}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "authserver.volumes" -}}
- name: database
  secret:
    secretName: {{ required "database.existingSecret is required: a Secret with the database URL" .Values.database.existingSecret }}
    defaultMode: 0440
    items: [{key: {{ .Values.database.key | quote }}, path: url}]
{{- if .Values.redis.existingSecret }}
- name: redis
  secret:
    secretName: {{ .Values.redis.existingSecret }}
    defaultMode: 0440
    items: [{key: {{ .Values.redis.key | quote }}, path: url}]
{{- end }}
- name: keys-secret
  secret:
    secretName: {{ required "keys.existingSecret is required: a Secret with one entry KID.json for each signing key" .Values.keys.existingSecret }}
    defaultMode: 0440
- name: keys
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- end -}}

{{/*
The authority demands of its keys that nobody but its own user can read them. Files of a Secret volume belong to root
and are readable by the pod's group, so they are copied, in memory, into files that are the user's alone.
*/}}
{{- define "authserver.copy-keys" -}}
- name: keys
  image: {{ include "authserver.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command:
    - sh
    - -euc
    - install -d -m 0700 /run/authserver/keys && install -m 0600 /run/secrets/keys/*.json /run/authserver/keys/
  volumeMounts:
    - {name: keys-secret, mountPath: /run/secrets/keys, readOnly: true}
    - {name: keys, mountPath: /run/authserver}
  securityContext: {{- include "authserver.container-security" . | nindent 4 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 32Mi}
{{- end -}}

{{- define "authserver.pod-security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "authserver.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
