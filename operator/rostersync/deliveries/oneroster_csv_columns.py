"""The files of OneRoster CSV 1.1 and 1.2 (1.2.1), and their columns in the standard's order."""

_ORGS = ("name", "type", "identifier", "parentSourcedId")
_SESSIONS = ("title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear")
_COURSES = ("schoolYearSourcedId", "title", "courseCode", "grades", "orgSourcedId", "subjects", "subjectCodes")
_CLASSES = (
    "title",
    "grades",
    "courseSourcedId",
    "classCode",
    "classType",
    "location",
    "schoolSourcedId",
    "termSourcedIds",
    "subjects",
    "subjectCodes",
    "periods",
)
_PERSON = (
    "username",
    "userIds",
    "givenName",
    "familyName",
    "middleName",
    "identifier",
    "email",
    "sms",
    "phone",
    "agentSourcedIds",
    "grades",
    "password",
)
_ENROLLMENTS = ("classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary", "beginDate", "endDate")
_DEMOGRAPHICS = (
    "birthDate",
    "sex",
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
    "demographicRaceTwoOrMoreRaces",
    "hispanicOrLatinoEthnicity",
    "countryOfBirthCode",
    "stateOfBirthAbbreviation",
    "cityOfBirth",
    "publicSchoolResidenceStatus",
)
COLUMNS = {
    "orgs": _ORGS,
    "academicSessions": _SESSIONS,
    "courses": _COURSES,
    "classes": _CLASSES,
    "users": ("enabledUser", "orgSourcedIds", "role", *_PERSON),
    "enrollments": _ENROLLMENTS,
    "demographics": _DEMOGRAPHICS,
}
COLUMNS_1_2 = {
    "orgs": _ORGS,
    "academicSessions": _SESSIONS,
    "courses": _COURSES,
    "classes": _CLASSES,
    "users": (
        "enabledUser",
        *_PERSON,
        "userMasterIdentifier",
        "preferredGivenName",
        "preferredMiddleName",
        "preferredFamilyName",
        "primaryOrgSourcedId",
        "pronouns",
    ),
    "roles": ("userSourcedId", "roleType", "role", "beginDate", "endDate", "orgSourcedId", "userProfileSourcedId"),
    "enrollments": _ENROLLMENTS,
    "demographics": _DEMOGRAPHICS,
}
MANIFEST = (
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItems",
    "orgs",
    "resources",
    "results",
    "users",
)
MANIFEST_1_2 = (
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItemLearningObjectiveIds",
    "lineItems",
    "lineItemScoreScales",
    "orgs",
    "resources",
    "resultLearningObjectiveIds",
    "results",
    "resultScoreScales",
    "roles",
    "scoreScales",
    "userProfiles",
    "userResources",
    "users",
)
FILES = {"1.1": COLUMNS, "1.2": COLUMNS_1_2}
IN_MANIFEST = {"1.1": MANIFEST, "1.2": MANIFEST_1_2}
OPTIONAL = frozenset({"demographics"})  # absent where there never were any; other files are bulk even if empty
