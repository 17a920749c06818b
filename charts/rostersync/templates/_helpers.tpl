{{- define "rostersync.fullname" -}}
{{- $name := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) }}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "rostersync.operator" -}}
{{ include "rostersync.fullname" . }}-operator
{{- end }}

{{/* Name of this release's cluster-wide objects: two releases of one name in two namespaces do not meet. */}}
{{- define "rostersync.clusterwide" -}}
{{ include "rostersync.operator" . }}:{{ .Release.Namespace }}
{{- end }}

{{- define "rostersync.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rostersync.labels" -}}
{{ include "rostersync.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "rostersync.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "rostersync.operator" .) }}
{{- end }}

{{- define "rostersync.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/*
Whether the policies that stamp names are rendered. auto: yes, unless the server is known and does not serve them. Without
a server (`helm template`) nothing is known of it, and to leave them out would take four eyes away without a word.
*/}}
{{- define "rostersync.stamping" -}}
{{- $known := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy" }}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- $auto := or $served (not $known) | ternary "yes" "no" }}
{{- get (dict "auto" $auto "always" "yes" "never" "no") .Values.policies.stamping }}
{{- end }}

{{/* The lists below are CEL: JSON spells them the same way. */}}
{{- define "rostersync.operators" -}}
{{- $own := printf "system:serviceaccount:%s:%s" .Release.Namespace (include "rostersync.serviceAccountName" .) }}
{{- prepend .Values.policies.operators $own | uniq | toJson }}
{{- end }}

{{- define "rostersync.jobImages" -}}
{{- $own := list (printf "%s:" .Values.image.repository) (printf "%s@" .Values.image.repository) }}
{{- .Values.jobs.images | default $own | toJson }}
{{- end }}

{{- define "rostersync.jobServiceAccounts" -}}
{{- prepend .Values.jobs.serviceAccounts .Values.jobs.serviceAccount.name | uniq | toJson }}
{{- end }}

{{/* Where the chart makes the Jobs' service account. */}}
{{- define "rostersync.jobNamespaces" -}}
{{- $own := .Values.watch.namespaces | default (list .Release.Namespace) }}
{{- concat $own .Values.jobs.serviceAccount.namespaces | uniq | toJson }}
{{- end }}

{{- define "rostersync.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "rostersync.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
